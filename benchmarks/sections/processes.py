"""One process and two on the same queue: with a handler that computes, and with one that does nothing."""

from functools import partial
from typing import Any

from benchmarks.bench import QUEUE, Bench
from benchmarks.consumers import PROGRAMS, Consumer
from benchmarks.environments import ask
from benchmarks.figures import Figures
from benchmarks.sections.watching import watched

WAITING = 5_000
"""Messages on the queue, which refills itself."""

SETTLED = 2.0
"""Seconds after the first message until all processes are at work."""

SHARED = (
    "The endpoint runs on the same cores as the processes: what it takes of them is what a second process has not got."
)
LOOPS = "import sys; sys.path.insert(0, {!r}); import handlers; print(handlers.loops_for(handlers.BUSY_SECONDS))"


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a handler and number of processes."""
    consumer = bench.consumer()
    if consumer is None or not consumer.understands("--processes"):
        bench.say("  left out: this loafer has no --processes")
        return {"rows": {}, "notes": ["Not measured: this version has no `--processes`."]}
    loops = ask(consumer.bin / "python", LOOPS.format(str(PROGRAMS)))
    cases = {
        row_of(handler, processes): partial(once, bench, consumer, handler, processes, loops)
        for handler in ("busy", "idle")
        for processes in (1, 2)
    }
    return {"rows": bench.interleaved(cases), "notes": [SHARED]}


def row_of(handler: str, processes: int) -> str:
    """Return what a row is called."""
    what = {"busy": "a handler that computes for 300 µs", "idle": "a handler that does nothing"}[handler]
    return f"{what}, {processes} process{'es' if processes > 1 else ''}"


def once(bench: Bench, consumer: Consumer, handler: str, processes: int, loops: str) -> Figures:
    """Return messages a second, and how much of a core the endpoint took."""
    endpoint = bench.endpoint
    endpoint.reset()
    endpoint.fill(QUEUE, WAITING, refill=True)
    command = consumer.command(QUEUE, handler, "--processes", str(processes))
    return watched(bench, consumer, command, SETTLED, {"BUSY_LOOPS": loops})
