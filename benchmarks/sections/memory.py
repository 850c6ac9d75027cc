"""How much memory one loafer has taken after many messages, and after many more."""

from typing import Any

from benchmarks.bench import QUEUE, Bench
from benchmarks.figures import summaries

WAITING = 1_000
"""Messages on the queue, which refills itself."""


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a number of messages, all of one run."""
    consumer = bench.consumer()
    if consumer is None:
        return {"rows": {}}
    bench.endpoint.reset()
    bench.endpoint.fill(QUEUE, WAITING, refill=True)
    marks = [1, *bench.plan.memory]
    bench.say(f"  one run of {marks[-1]} messages")
    run = bench.measure(consumer, consumer.command(QUEUE, "idle"), marks)
    return {"rows": {label_of(note["message"]): summaries([{"peak_mib": note["peak_mib"]}]) for note in run.notes}}


def label_of(messages: float) -> str:
    """Return what a row is called."""
    return f"after {messages:,.0f} message{'s' if messages > 1 else ''}".replace(",", " ")
