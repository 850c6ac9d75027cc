"""Runs consumers on the endpoint and reads their meters."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from benchmarks.consumers import OURS, PROGRAMS, Consumer
from benchmarks.endpoint import Endpoint, calls_of
from benchmarks.figures import Case, Figures, summaries
from benchmarks.plan import Plan

QUEUE = "bench"
HELD = 1_200
"""More than any consumer holds, beside what its prefetch says."""

CALIBRATION = 3_000
"""Messages of the run that finds out how many fit into the time."""

PATIENCE = 120
"""Seconds after which a run is given up, and a millisecond more for each message."""

FOREIGN = ("AWS_", "LOAFER_", "PYTHON", "METER_")
"""How the names of variables begin that are kept from the consumers."""


class BenchmarkError(Exception):
    """Something that is measured does not work; says what in one line."""


@attrs.frozen
class Run:
    """What one process measured: what its meter noted at each mark, and delays in seconds."""

    notes: list[dict[str, Any]]
    delays: list[float]

    def steady(self) -> Figures:
        """Return the figures between the second mark and the last."""
        first, begun, ended = self.notes[0], self.notes[1], self.notes[-1]
        messages = ended["message"] - begun["message"]
        return {
            "messages_per_s": messages / (ended["wall"] - begun["wall"]),
            "cpu_us": (ended["cpu"] - begun["cpu"]) / messages * 1e6,
            "calls": (calls_of(ended) - calls_of(begun)) / messages,
            "peak_mib": ended["peak_mib"],
            "start_cpu_s": first["cpu"],
        }


@attrs.define
class Bench:
    """What sections run on."""

    plan: Plan
    endpoint: Endpoint
    tools: Path
    consumers: list[Consumer]
    say: Callable[[str], None]
    failures: list[str] = attrs.field(factory=list)
    _rates: dict[str, float] = attrs.field(factory=dict)

    def consumer(self, label: str = OURS) -> Consumer | None:
        """Return the consumer of a label; None if it could not be installed."""
        return next((consumer for consumer in self.consumers if consumer.label == label), None)

    def interleaved(self, cases: Mapping[str, Case], rounds: int | None = None) -> dict[str, Any]:
        """Return a summary a case, after rounds in which each runs once; one that fails is told and left out."""
        done: dict[str, list[Figures]] = {label: [] for label in cases}
        times = rounds or self.plan.rounds
        for number in range(1, times + 1):
            for label, case in cases.items():
                self._once(f"  {number}/{times} {label}", done[label], case)
        return {label: summaries(runs) for label, runs in done.items() if runs}

    def _once(self, what: str, runs: list[Figures], case: Case) -> None:
        try:
            runs.append(case())
        except BenchmarkError as error:
            self.failures.append(f"{what.strip()}: {error}")
            self.say(f"{what}: {error}")
        else:
            self.say(f"{what}: " + ", ".join(f"{name} {value:.5g}" for name, value in runs[-1].items()))

    def steady(
        self,
        consumer: Consumer,
        command: list[str],
        fill: Callable[[int], None] | None = None,
        warm_up: int = 0,
        kind: str = "",
    ) -> Figures:
        """Run a consumer for the plan's length and return its figures.

        `fill` sends so many messages at least; `warm_up` is how many there are at least before anything counts; `kind`
        tells them apart from others that the same command is given, for it has another pace with them.
        """
        run = partial(self._loaded, consumer, command, fill or partial(self.endpoint.fill, QUEUE), warm_up)
        if self.plan.messages is not None:
            return run(self.plan.messages)
        key = " ".join([consumer.label, *command, kind])
        if key not in self._rates:  # found out by a short run
            self._rates[key] = run(CALIBRATION)["messages_per_s"]
        return run(int(self._rates[key] * self.plan.seconds))

    def _loaded(
        self, consumer: Consumer, command: list[str], fill: Callable[[int], None], warm_up: int, messages: int
    ) -> Figures:
        warm = max(messages // 4, warm_up)
        self.endpoint.reset()
        fill(warm + messages + HELD)
        return self.measure(consumer, command, [1, warm, warm + messages]).steady()

    def measure(
        self,
        consumer: Consumer,
        command: list[str],
        marks: list[int],
        environ: Mapping[str, str] = {},
        began: Callable[[], None] = lambda: None,
    ) -> Run:
        """Run a consumer until the last mark and return what was measured; calls `began` once it is started.

        Raises:
            BenchmarkError: it ends without a result, or does not end.

        """
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "meter.json"
            meter = {"METER_OUT": str(out), "METER_MARKS": ",".join(map(str, marks)), **environ}
            with self.started(consumer, command, Path(folder), meter) as process:
                began()
                wait_for_end(process, PATIENCE + marks[-1] / 1000)
            if not out.exists():
                raise BenchmarkError(f"no result: {last_line(Path(folder))}")
            noted = json.loads(out.read_text(encoding="utf-8"))
        return Run(noted["notes"], noted["delays"])

    @contextmanager
    def started(
        self, consumer: Consumer, command: list[str], folder: Path, environ: Mapping[str, str] = {}
    ) -> "Iterator[subprocess.Popen[bytes]]":
        """Run a consumer for the length of the block, in a folder that gets its log."""
        variables = {**self.environ(), "HOME": str(folder), **consumer.environ, **environ}
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log) as process,
        ):
            try:
                yield process
            finally:
                end(process)

    def environ(self) -> dict[str, str]:
        """Return the variables that everybody gets."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return {
            **kept,
            "PYTHONPATH": str(PROGRAMS),
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint.url,
        }


def wait_for_end(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait for a process to end by itself.

    Raises:
        BenchmarkError: it does not.

    """
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"it has not ended after {seconds:.0f} s") from None


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that may have ended already: politely, then not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


def last_line(folder: Path) -> str:
    """Return the last line of a process's log."""
    lines = (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Return once something holds.

    Raises:
        BenchmarkError: it does not.

    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(0.05)
