"""Loafer's dispatcher alone, on a queue in memory, without what that queue costs."""

import json
import subprocess
from functools import partial
from typing import Any

from benchmarks.bench import Bench, BenchmarkError
from benchmarks.consumers import OURS, OURS_FAST, PROGRAMS, Consumer
from benchmarks.figures import Figures


def run(bench: Bench) -> dict[str, Any]:
    """Return a row with the whole, the queue's part, and the dispatcher's."""
    found = [bench.consumer(label) for label in (OURS, OURS_FAST)]
    return {
        "rows": bench.interleaved({consumer.label: partial(once, bench, consumer) for consumer in found if consumer})
    }


def once(bench: Bench, consumer: Consumer) -> Figures:
    """Return the microseconds of CPU a message."""
    command = [str(consumer.bin / "python"), str(PROGRAMS / "run_dispatcher.py"), str(bench.plan.dispatched)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError((done.stderr.splitlines() or ["it said nothing"])[-1])
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
