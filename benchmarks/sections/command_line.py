"""What it costs to start `loafer --help`, beside importing the library its command line is made of."""

import os
import subprocess
from functools import partial
from typing import Any

from benchmarks.bench import Bench, BenchmarkError
from benchmarks.figures import Figures

HELP, CLICK = "`loafer --help`", '`python -c "import click"`'


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a command."""
    consumer = bench.consumer()
    if consumer is None:
        return {"rows": {}}
    commands = {
        HELP: [str(consumer.bin / "loafer"), "--help"],
        CLICK: [str(consumer.bin / "python"), "-c", "import click"],
    }
    for command in commands.values():
        once(command)  # so that neither is the one that finds cold files
    cases = {row: partial(once, command) for row, command in commands.items()}
    return {"rows": bench.interleaved(cases, rounds=bench.plan.starts)}


def once(command: list[str]) -> Figures:
    """Return the milliseconds of CPU that a command takes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchmarkError(f"it ended with status {process.returncode}")
    return {"cpu_ms": (used.ru_utime + used.ru_stime) * 1000}
