"""The goals, and how far each was reached: facts, whatever they are."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs

from benchmarks.consumers import BARE, FANFERRO, OLIST, OURS, OURS_FAST, OURS_PLAIN
from benchmarks.figures import median_of, ratio
from benchmarks.sections.command_line import CLICK, HELP
from benchmarks.sections.distance import OUR_DEFAULTS, SHOWN_FIRST, SLEEPING
from benchmarks.sections.observed import FILES, NOBODY, SERVED, TRACED
from benchmarks.sections.processes import row_of

Results = Mapping[str, Any]


@attrs.frozen
class Goal:
    """A goal, and how to tell what was reached.

    Attributes:
        figure: What is measured.
        goal: What it should be.
        reached: What it is, a value or some; None where it was not measured.

    """

    figure: str
    goal: str
    reached: Callable[[Results], str | None]


def both(text: Callable[[str], str | None]) -> str | None:
    """Return what loafer reached, with and without uvloop, as far as it was measured."""
    plain, fast = text(OURS), text(OURS_FAST)
    if plain is None or fast is None:
        return plain or fast
    return f"{plain}; with uvloop {fast}"


def times(section: str, figure: str, peer: str) -> Callable[[Results], str | None]:
    """Return what tells loafer's figure as a multiple of a peer's."""
    return lambda results: both(lambda ours: shown(ratio(results, section, (ours, peer), figure), "{:.2f} ×"))


def value(section: str, figure: str, form: str) -> Callable[[Results], str | None]:
    """Return what tells loafer's own figure."""
    return lambda results: both(lambda ours: shown(median_of(results, section, ours, figure), form))


def more(figure: str) -> Callable[[Results], str | None]:
    """Return what tells how much longer loafer's latency is than fanferro's."""

    def difference(results: Results, ours: str) -> float | None:
        mine, theirs = (median_of(results, "latency", row, figure) for row in (ours, FANFERRO))
        return None if mine is None or theirs is None else mine - theirs

    return lambda results: both(lambda ours: shown(difference(results, ours), "{:+.2f} ms"))


def of_rows(section: str, rows: tuple[str, str], figure: str) -> Callable[[Results], str | None]:
    """Return what tells one row's figure as a multiple of another's."""
    return lambda results: shown(ratio(results, section, rows, figure), "{:.2f} ×")


def told(whom: str) -> Callable[[Results], str | None]:
    """Return what tells the CPU a message where somebody is told of each, as a multiple of that where nobody is."""
    return of_rows("observed", (whom, NOBODY), "cpu_us")


def memory(results: Results) -> str | None:
    """Tell the peaks of the one long run."""
    rows = results["sections"].get("memory", {}).get("rows", {})
    return ", ".join(f"{row['peak_mib']['median']:.1f} MiB {label}" for label, row in list(rows.items())[1:]) or None


def start_over_the_sdk(results: Results) -> str | None:
    """Tell loafer's start where the SDK carries all calls."""
    return shown(median_of(results, "throughput", OURS_PLAIN, "start_cpu_s"), "{:.2f} s")


def shown(number: float | None, form: str) -> str | None:
    """Return a number as text; None stays."""
    return None if number is None else form.format(number).replace(",", " ")


def far(row: str) -> Callable[[Results], str | None]:
    """Return what tells messages a second of a row at 20 ms a call."""
    found = partial(median_of, section="distance", row=f"{SHOWN_FIRST}{row}", figure="messages_per_s")
    return lambda results: shown(found(results), "{:,.0f}")


def kept(results: Results) -> str | None:
    """Tell how many of the messages a second that there are without any distance are left with 20 ms a call."""
    rows = (f"{SHOWN_FIRST}{SLEEPING}", f"0 ms: {SLEEPING}")
    return shown(ratio(results, "distance", rows, "messages_per_s"), "{:.2f} ×")


GOALS = (
    Goal("messages a second with defaults, 20 ms a call", "≥ 2 000", far(OUR_DEFAULTS)),
    Goal("messages a second of 50 handlers of 10 ms, 20 ms a call, beside none", "≥ 0.90 ×", kept),
    Goal("CPU a message, beside fanferro", "≤ 1.00 ×", times("throughput", "cpu_us", FANFERRO)),
    Goal("CPU a message, beside bare aiobotocore", "≤ 0.40 ×", times("throughput", "cpu_us", BARE)),
    Goal("messages a second, beside bare aiobotocore", "≥ 2.50 ×", times("throughput", "messages_per_s", BARE)),
    Goal("messages a second, beside olist-loafer", "≥ 12.00 ×", times("throughput", "messages_per_s", OLIST)),
    Goal("messages a second, beside fanferro", "1.00 ×", times("throughput", "messages_per_s", FANFERRO)),
    Goal("CPU of the dispatcher alone, a message", "≤ 10 µs", value("dispatcher", "dispatcher_us", "{:.1f} µs")),
    Goal("CPU a message with status files, beside nobody told", "≤ 1.02 ×", told(FILES)),
    Goal("CPU a message with Prometheus, beside nobody told", "≤ 1.15 ×", told(SERVED)),
    Goal("CPU a message with OpenTelemetry and no trace sampled, beside nobody told", "≤ 1.30 ×", told(TRACED)),
    Goal("API calls a message", "≤ 0.21", value("throughput", "calls", "{:.3f}")),
    Goal(
        "two processes beside one, a handler that computes",
        "≥ 1.80 ×",
        of_rows("processes", (row_of("busy", 2), row_of("busy", 1)), "messages_per_s"),
    ),
    Goal("median latency, over fanferro's", "≤ +1.00 ms", more("p50_ms")),
    Goal("99th percentile of latency, over fanferro's", "≤ +1.00 ms", more("p99_ms")),
    Goal("peak memory, under load", "≤ 40 MiB", value("throughput", "peak_mib", "{:.1f} MiB")),
    Goal("peak memory, over 1 000 000 messages", "flat", memory),
    Goal("CPU of `loafer --help`, beside `import click`", "≤ 2.00 ×", of_rows("command_line", (HELP, CLICK), "cpu_ms")),
    Goal("CPU from start to first message", "≤ 0.18 s", value("throughput", "start_cpu_s", "{:.2f} s")),
    Goal("CPU from start to first message, over aiobotocore's client", "≤ 0.35 s", start_over_the_sdk),
)
