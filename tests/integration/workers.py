"""Workers as their users run them: `loafer` in a process of its own, and what its handlers noted."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import attrs
from transports import check_log

HERE = Path(__file__).parent
LOAFER = Path(sys.executable).parent / "loafer"


@attrs.define
class Worker:
    """A running `loafer`, started in a folder of its own; its output goes to the file `log`.

    Attributes:
        handler: The name of one in sample_handlers.py, or a full name.
        environ: What is different in its environment.

    """

    folder: Path
    source: str
    handler: str
    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = attrs.field(factory=dict)
    process: "subprocess.Popen[bytes]" = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Start the process."""
        handler = self.handler if "." in self.handler else f"sample_handlers.{self.handler}"
        command = [str(LOAFER), "--source", self.source, "--handler", handler, *self.options]
        environ = {**os.environ, "PYTHONPATH": str(HERE), "RUNS": str(self.folder / "runs"), "LOAFER_LOGLEVEL": "INFO"}
        environ |= self.environ
        with self.log.open("ab") as log:
            # In a session of its own, so that a test can signal the whole group as a terminal does.
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environ, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def runs(self) -> Counter[str]:
        """How often each message ran, over all workers of the folder."""
        return Counter(what for what, _ in self.times)

    @property
    def times(self) -> list[tuple[str, float]]:
        """When each message ran, over all workers of the folder."""
        file = self.folder / "runs"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(what, float(at)) for what, at in (line.split() for line in lines)]

    def freeze(self) -> None:
        """Stop the process where it is, and return when it stands: a signal alone is sent, and not yet obeyed."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """Let the process go on."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self, seconds: float = 45, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if error is None:
            check_log(self.log.read_text())


def wait_until(holds: Callable[[], bool], seconds: float = 60, every: float = 0.05) -> None:
    """Return as soon as something holds; fail if it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it did not come to hold within {seconds} s"
        time.sleep(every)
