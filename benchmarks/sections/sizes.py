"""Bodies of several sizes: records, as orders have them, and no padding."""

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.bench import QUEUE, Bench
from benchmarks.consumers import BARE, FANFERRO, OURS, OURS_FAST

if TYPE_CHECKING:
    from benchmarks.figures import Case

HOW = "A body is a list of records: numbers, short texts, dates, lists. What decodes it does so whole."


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a size and consumer."""
    cases: dict[str, Case] = {}
    for size in bench.plan.sizes:
        for label in (OURS, OURS_FAST, FANFERRO, BARE):
            consumer = bench.consumer(label)
            if consumer is not None:
                fill = partial(_fill, bench, size)
                case = partial(bench.steady, consumer, consumer.command(QUEUE, "idle"), fill, kind=str(size))
                cases[f"{size // 1024} KiB: {label}"] = case
    return {"rows": bench.interleaved(cases), "notes": [HOW]}


def _fill(bench: Bench, size: int, _: int) -> None:
    """Put as many messages on the queue as anybody holds; it refills itself, for they are large."""
    bench.endpoint.fill(QUEUE, max(200, min(2000, 200_000_000 // size)), refill=True, records=size)
