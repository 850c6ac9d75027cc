"""Each consumer on a full queue, with a handler that does nothing."""

from functools import partial
from typing import Any

from benchmarks.bench import QUEUE, Bench


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a consumer."""
    cases = {
        consumer.label: partial(bench.steady, consumer, consumer.command(QUEUE, "idle")) for consumer in bench.consumers
    }
    return {"rows": bench.interleaved(cases)}
