"""What a consumer costs that waits for messages, with polls of 20 seconds."""

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from benchmarks.bench import QUEUE, Bench, wait_until
from benchmarks.consumers import BARE, FANFERRO, OURS, OURS_FAST, Consumer
from benchmarks.endpoint import deleted_of
from benchmarks.figures import Case, Figures

HOW = "How often threads of the process go on after waiting, all together: what keeps a processor from its sleep."


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a consumer."""
    cases: dict[str, Case] = {}
    for label, program, *arguments in (
        (OURS, "run_app.py", "idle"),
        (OURS_FAST, "run_app.py", "idle"),
        (FANFERRO, "run_fanferro.py", "idle", "defaults"),
        (BARE, "run_bare.py", "idle", "20"),
    ):
        found = bench.consumer(label)
        if found is not None:
            consumer = attrs.evolve(found, program=program)
            cases[f"{label}, defaults"] = partial(once, bench, consumer, consumer.command(QUEUE, *arguments))
    return {"rows": bench.interleaved(cases), "notes": [HOW]}


def once(bench: Bench, consumer: Consumer, command: list[str]) -> Figures:
    """Return the wake-ups a second and the CPU of a process that has handled one message and waits for more."""
    bench.endpoint.reset()
    bench.endpoint.fill(QUEUE, 1)
    with tempfile.TemporaryDirectory() as folder, bench.started(consumer, command, Path(folder)) as process:
        wait_until(lambda: deleted_of(bench.endpoint.stats()) > 0, "a message is deleted")
        time.sleep(min(2.0, bench.plan.idle_seconds))
        begun, before = time.perf_counter(), waits_and_cpu(process.pid)
        time.sleep(bench.plan.idle_seconds)
        seconds, after = time.perf_counter() - begun, waits_and_cpu(process.pid)
    return {
        "wakes_per_s": (after[0] - before[0]) / seconds,
        "cpu_ms_per_s": (after[1] - before[1]) / seconds * 1e3,
    }


def waits_and_cpu(process: int) -> tuple[int, float]:
    """Return how often threads of a process have waited, and its CPU seconds; on Linux."""
    waits, cpu = 0, 0.0
    for task in Path(f"/proc/{process}/task").iterdir():
        status = (task / "status").read_text(encoding="utf-8").splitlines()
        waits += next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
        cpu += int((task / "schedstat").read_text(encoding="utf-8").split()[0]) / 1e9
    return waits, cpu
