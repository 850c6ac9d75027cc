"""What people see of operators' commands in a terminal of 80 columns."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import time
from pathlib import Path
from typing import Any

import attrs
import pytest
from workers import LOAFER

from loafer.domain.history import BACK, Note
from loafer.domain.prices import RECEIVE, Billed

COLUMNS = 80
SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")
LONG = "notifications-of-the-customer-relationship-management-system-production-europe-1"
ROUTE: dict[str, Any] = {
    "name": LONG[:20], "source": LONG, "jobs": 3, "limit": 10, "held": 7, "oldest": None, "last_receive": 0.2,
    "paused": False, "trouble": "", "counts": {"succeeded": 123456, "failed": 1234}, "p50": 0.012, "p99": 12.5,
    "causes": {},
}  # fmt: skip
CALLS = [
    Billed(operation="change_message_visibility_batch", place=LONG, calls=123_456, chunks=123_456),
    Billed(operation=RECEIVE, place=LONG, calls=1_234_567, chunks=1_234_567, empty=1_200_000, wait=1, most=10),
]


def worker() -> dict[str, Any]:
    said = {"pid": os.getpid(), "started": None, "worker": "", "at": time.time(), "up": 36000.0, "state": "receiving"}
    well = {"ready": True, "alive": True, "blocked": 0.0, "latency": 0.001, "heartbeat": 0.5}
    why = {"not_alive": [], "not_ready": [], "routes": [ROUTE], "calls": [attrs.asdict(line) for line in CALLS]}
    return {**said, **well, **why}


def seen(folder: Path, *words: str, **environ: str) -> str:
    """Run a command in a terminal, and return all that it prints there."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
    own = {"TERM": "xterm-256color", "LOAFER_STATUS_FILE": str(folder / "status.json"), "XDG_RUNTIME_DIR": str(folder)}
    with subprocess.Popen(
        [LOAFER, *words], cwd=folder, env={**known, **own, **environ}, stdin=there, stdout=there, stderr=there
    ):
        os.close(there)
        told = b""
        while True:
            try:
                part = os.read(here, 65536)
            except OSError:  # nobody writes any more
                break
            if not part:
                break
            told += part
    os.close(here)
    return told.decode().replace("\r\n", "\n")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with a worker, which has noted something."""
    (tmp_path / "status.json").write_text(json.dumps(worker()))
    note = Note(at=time.time(), worker=41, source=LONG, id="9f8c1d32", receives=1, kind=BACK, word="lease lost")
    (tmp_path / "status.history").write_text(json.dumps(attrs.asdict(note)) + "\n")
    return tmp_path


@pytest.mark.parametrize("words", [("cost",), ("status",), ("explain", "9f8c")], ids=" ".join)
def test_no_line_is_longer_than_the_terminal_and_there_are_colours(machine: Path, words: tuple[str, ...]) -> None:
    told = seen(machine, *words)
    assert SEQUENCE.search(told), told
    assert max(len(line.rstrip()) for line in SEQUENCE.sub("", told).splitlines()) <= COLUMNS, told
    assert "…" in told or words[0] != "cost"


@pytest.mark.slow
@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
@pytest.mark.parametrize("words", [("cost",), ("status",), ("explain", "9f8c")], ids=" ".join)
def test_there_are_no_colours_where_none_are_wanted(
    machine: Path, words: tuple[str, ...], environ: dict[str, str]
) -> None:
    assert "\x1b" not in seen(machine, *words, **environ)
