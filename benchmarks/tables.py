"""The results as Markdown tables."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from benchmarks.consumers import BARE, FANFERRO, OLIST, OURS, OURS_FAST, OURS_PLAIN
from benchmarks.figures import ratio
from benchmarks.goals import GOALS

Results = Mapping[str, Any]
LOADED = MappingProxyType(
    {
        "cpu_us": ("CPU µs a message", 1),
        "messages_per_s": ("messages/s", 0),
        "calls": ("API calls a message", 3),
        "peak_mib": ("peak MiB", 1),
    }
)
COLUMNS: Mapping[str, Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "distance": {"messages_per_s": ("messages/s", 0), "calls": ("API calls a message", 3)},
        "throughput": {
            "messages_per_s": ("messages/s", 0),
            "cpu_us": ("CPU µs a message", 1),
            "calls": ("API calls a message", 3),
            "peak_mib": ("peak MiB", 1),
            "start_cpu_s": ("CPU s to first message", 2),
        },
        "threads": LOADED,
        "typed": LOADED,
        "observed": LOADED,
        "fifo": LOADED,
        "sizes": LOADED,
        "publishing": {"cpu_us": ("CPU µs a message", 1), "messages_per_s": ("messages/s", 0)},
        "idle": {"wakes_per_s": ("wake-ups a second", 1), "cpu_ms_per_s": ("CPU ms a second", 1)},
        "dispatcher": {
            "dispatcher_us": ("dispatcher, µs a message", 1),
            "adapter_us": ("queue in memory, µs a message", 1),
            "whole_us": ("both, µs a message", 1),
        },
        "processes": {"messages_per_s": ("messages/s", 0), "endpoint_percent": ("CPU of the endpoint, % of a core", 0)},
        "latency": {"p50_ms": ("p50, ms", 2), "p99_ms": ("p99, ms", 2)},
        "memory": {"peak_mib": ("peak MiB", 1)},
        "command_line": {"cpu_ms": ("CPU ms", 1)},
        "routes": {**LOADED, "start_cpu_s": ("CPU s to first message", 2)},
        "waiting": LOADED,
        "prefetch": LOADED,
    }
)
"""The columns of each section's table: a figure, its heading, its decimals."""

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "distance": "Calls that take their time, as they do to AWS",
        "throughput": "A full queue, a handler that does nothing",
        "threads": "A handler that is a function",
        "typed": "Content of a type, and batches",
        "observed": "Who is told what happens",
        "fifo": "FIFO queues",
        "sizes": "Larger bodies",
        "publishing": "Publishing",
        "idle": "Nothing to do",
        "dispatcher": "The dispatcher alone, on a queue in memory",
        "processes": "One process and two, on two cores with the endpoint",
        "latency": "From publishing to the handler's start, 50 messages a second",
        "memory": "Memory over one long run",
        "command_line": "The command line",
        "routes": "Many routes",
        "waiting": "Many messages waiting",
        "prefetch": "A large waiting room",
    }
)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float, decimals: int) -> str:
    """Return a number with a space between thousands."""
    return f"{value:,.{decimals}f}".replace(",", " ")


def cell(summary: Mapping[str, float], decimals: int, *, spread: bool) -> str:
    """Return a median, with what the runs lie between if asked for and if there were several."""
    median = number(summary["median"], decimals)
    if not spread or summary["runs"] == 1:
        return median
    return f"{median} ({number(summary['min'], decimals)} to {number(summary['max'], decimals)})"


def section_table(results: Results, name: str, *, spread: bool = True, beginning: str = "") -> str:
    """Return the table of one section's rows, or of those that begin so, if anything was measured, and its notes."""
    section, columns = results["sections"][name], COLUMNS[name]
    notes = "\n".join(section.get("notes", []))
    if not section["rows"]:
        return notes or "Not measured."
    rows = [
        [label, *(cell(row[figure], decimals, spread=spread) for figure, (_, decimals) in columns.items())]
        for label, row in section["rows"].items()
        if label.startswith(beginning)
    ]
    return "\n\n".join(filter(None, [table([" ", *(heading for heading, _ in columns.values())], rows), notes]))


def goals_table(results: Results) -> str:
    """Return what was aimed at and what was reached; what was not measured is left out."""
    rows = [[goal.figure, goal.goal, reached] for goal in GOALS if (reached := goal.reached(results))]
    return table(["figure", "goal", "reached"], rows)


def ratios_table(results: Results) -> str:
    """Return loafer's CPU and messages a second as multiples of each peer's."""
    rows = []
    for ours in (OURS, OURS_FAST, OURS_PLAIN):
        for peer in (FANFERRO, BARE, OLIST):
            found = [ratio(results, "throughput", (ours, peer), figure) for figure in ("cpu_us", "messages_per_s")]
            if None not in found:
                rows.append([f"{ours} / {peer}", *(f"{value:.2f} ×" for value in found)])
    return table([" ", "CPU a message", "messages/s"], rows)
