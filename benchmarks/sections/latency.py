"""From publishing to the start of the handler, under a light load: 50 messages a second."""

import contextlib
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.bench import QUEUE, Bench, wait_until
from benchmarks.consumers import OURS_PLAIN, PROGRAMS, Consumer
from benchmarks.figures import Figures, percentile

PER_SECOND = 50
WARM_UP = 25
"""Messages that are not counted."""


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a consumer."""
    measured = [consumer for consumer in bench.consumers if consumer.label != OURS_PLAIN]
    return {"rows": bench.interleaved({consumer.label: partial(once, bench, consumer) for consumer in measured})}


def once(bench: Bench, consumer: Consumer) -> Figures:
    """Return the milliseconds that half of the messages do not exceed, and 99 of 100."""
    endpoint = bench.endpoint
    endpoint.reset()
    endpoint.fill(QUEUE, 0)
    last = WARM_UP + int(bench.plan.latency_seconds * PER_SECOND)
    with contextlib.ExitStack() as stack:
        publish = partial(publishing, bench, stack.callback)
        run = bench.measure(consumer, consumer.command(QUEUE, "timed"), [1, WARM_UP, last], began=publish)
    delays = [seconds * 1000 for seconds in run.delays[WARM_UP:]]
    return {"p50_ms": percentile(delays, 50), "p99_ms": percentile(delays, 99)}


def publishing(bench: Bench, finally_do: Callable[[Callable[[], None]], object]) -> None:
    """Publish from when the consumer has asked for messages until the end."""
    wait_until(lambda: bench.endpoint.stats()["calls"].get("ReceiveMessage", 0) > 0, "the consumer receives")
    command = [str(bench.tools / "python"), str(PROGRAMS / "publish.py"), bench.endpoint.queue_url(QUEUE)]
    publisher = subprocess.Popen(command)

    def stop() -> None:
        publisher.kill()
        publisher.wait()

    finally_do(stop)
