"""What an endpoint counts while a consumer is at work: for runs of a given time, however fast they are."""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.bench import Bench, wait_until
from benchmarks.consumers import Consumer
from benchmarks.endpoint import calls_of, deleted_of
from benchmarks.figures import Figures


def watched(
    bench: Bench, consumer: Consumer, command: list[str], settled: float, environ: Mapping[str, str] = {}
) -> Figures:
    """Return what happened in the plan's time, from so many seconds after the first message was deleted.

    Raises:
        BenchmarkError: no message is ever deleted.

    """
    endpoint = bench.endpoint
    with tempfile.TemporaryDirectory() as folder, bench.started(consumer, command, Path(folder), environ):
        wait_until(lambda: deleted_of(endpoint.stats()) > 0, "a message is deleted")
        time.sleep(min(settled, bench.plan.seconds))
        begun, before = time.perf_counter(), endpoint.stats()
        time.sleep(bench.plan.seconds)
        ended, after = time.perf_counter(), endpoint.stats()
    messages = deleted_of(after) - deleted_of(before)
    return {
        "messages_per_s": messages / (ended - begun),
        "calls": (calls_of(after) - calls_of(before)) / max(1, messages),
        "endpoint_percent": (after["cpu"] - before["cpu"]) / (ended - begun) * 100,
    }
