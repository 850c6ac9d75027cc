"""Handlers that are plain functions: in a thread for each that may run, and in as many as Python takes by itself."""

from functools import partial
from typing import Any

from benchmarks.bench import QUEUE, Bench
from benchmarks.consumers import FANFERRO, OURS

THREADS = (50, 6)

HOW = "The function does nothing but count. Fanferro hands it to `asyncio.to_thread`, with as many threads."


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a consumer and number of threads."""
    cases = {}
    for threads in THREADS:
        for label, options in ((OURS, ("--max-threads", str(threads))), (FANFERRO, (str(threads),))):
            consumer = bench.consumer(label)
            if consumer is not None:
                command = consumer.command(QUEUE, "function", *options)
                cases[f"{label}, {threads} threads"] = partial(bench.steady, consumer, command)
    return {"rows": bench.interleaved(cases), "notes": [HOW]}
