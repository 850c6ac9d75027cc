"""The command line as people use it: commands in a folder, and what they print; see the fixture `shell`."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from endpoints import client

ENVIRONMENT = Path(sys.executable).parent
QUICK = "{'WaitTimeSeconds': 1, 'MaxNumberOfMessages': 10}"
"""Consumer options with which a worker that stops has not long to wait for its last poll."""


_BUSY = re.compile(r"^.* - loafer\.application\.watchdog - WARNING - .*\n(?: .*\n)*\n?", re.MULTILINE)


def quiet(printed: str) -> str:
    """Return what a command printed without what it says, with a stack, where the machine is too busy for it."""
    return _BUSY.sub("", printed)


@attrs.frozen
class Running:
    """A command that runs; all it prints goes to the file `log`."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def printed(self) -> str:
        return quiet(self.log.read_text(encoding="utf-8"))

    def prints(self, text: str, seconds: float = 60) -> None:
        """Return once `text` is printed; fail if it is not."""
        deadline = time.monotonic() + seconds
        while text not in self.printed:
            assert time.monotonic() < deadline, f"{text!r} is not printed:\n{self.printed}"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)


@attrs.frozen
class Shell:
    """A folder in which commands are run, as written in a shell, with this environment's `loafer`."""

    folder: Path

    def run(self, command: str, stdin: bytes = b"", seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, which comes within so many seconds."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environ(),
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        said = quiet(done.stderr.decode())
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), said)

    @contextmanager
    def running(self, command: str = "loafer", says: str = "options:") -> Iterator[Running]:
        """Start a command that runs until it is stopped; a worker has printed its banner, what it `says`, by then."""
        log = self.folder / "log"
        before, _, last = command.rpartition("\n")
        with (
            log.open("wb") as output,
            subprocess.Popen(
                ["bash", "-c", f"{before}\nexec {last}"],
                cwd=self.folder,
                env=self.environ(),
                stdout=output,
                stderr=output,
            ) as process,
        ):
            try:
                running = Running(process, log)
                running.prints(says)
                yield running
            finally:
                if process.poll() is None:
                    process.kill()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def environ(self) -> dict[str, str]:
        path = f"{ENVIRONMENT}{os.pathsep}{os.environ['PATH']}"
        return {"LOAFER_DEFAULT_CONSUMER_OPTIONS": QUICK, **os.environ, "PATH": path}


async def received(url: str) -> list[dict[str, Any]]:
    """Return what a queue with a URL holds and shows, with all attributes."""
    async with client("sqs") as sqs:
        answer = await sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages
