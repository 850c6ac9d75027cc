"""What publishing costs: one message after the other, twenty at once, and many in batches."""

import json
import subprocess
from functools import partial
from typing import Any

from benchmarks.bench import QUEUE, Bench, BenchmarkError
from benchmarks.consumers import BARE, FANFERRO, OURS, OURS_FAST, PROGRAMS, Consumer
from benchmarks.figures import Case, Figures

WAYS = ("one by one", "20 at once", "in batches")
PROGRAM = {OURS: "publish_loafer.py", OURS_FAST: "publish_loafer.py"}
PROGRAM |= {FANFERRO: "publish_fanferro.py", BARE: "publish_bare.py"}
HOW = (
    "Messages of 200 bytes. A batch is what the consumer's own function for many sends, ten a call. Loafer lets "
    "messages that are published at the same time share calls; the others make a call for each."
)


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a consumer and way of publishing."""
    cases: dict[str, Case] = {}
    for way in WAYS:
        for label in PROGRAM:
            if (consumer := bench.consumer(label)) is not None:
                cases[f"{label}, {way}"] = partial(once, bench, consumer, way)
    return {"rows": bench.interleaved(cases), "notes": [HOW]}


def once(bench: Bench, consumer: Consumer, way: str) -> Figures:
    """Return the CPU a message and messages a second."""
    bench.endpoint.reset()
    bench.endpoint.fill(QUEUE, 1)
    number = bench.plan.published * (5 if way == "in batches" else 1)
    program = str(PROGRAMS / PROGRAM[consumer.label])
    command = [str(consumer.bin / "python"), program, QUEUE, way, str(number)]
    environ = {**bench.environ(), **consumer.environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if done.returncode:
        raise BenchmarkError((done.stderr.splitlines() or ["it said nothing"])[-1])
    figures: dict[str, float] = json.loads(done.stdout)
    if (sent := bench.endpoint.stats()["queues"][QUEUE]["sent"]) != number + number // 10 + 1:
        raise BenchmarkError(f"{sent - 1} messages were sent")
    return figures
