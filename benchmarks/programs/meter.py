"""Measures the process it runs in, between messages; needs the standard library alone, as every consumer has it."""

import json
import os
import resource
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Meter:
    """Counts messages and notes CPU, time and memory at some of them; the last one ends the process.

    Attributes:
        marks: The numbers of the messages at which something is noted, ascending.
        out: The file that the notes are written to.
        endpoint: The URL of the endpoint, whose counters are noted, too.
        seen: How many messages there were.
        notes: What was noted so far: `message`, `cpu` and `wall` in seconds, `peak_mib`, `calls` by operation.
        delays: Seconds from publishing to handler, of messages that say when they were published.

    """

    marks: list[int]
    out: Path
    endpoint: str
    seen: int = 0
    notes: list[dict[str, Any]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)

    def count(self) -> None:
        """Count a message."""
        self.seen += 1
        if self.marks and self.seen == self.marks[0]:
            self._note()

    def _note(self) -> None:
        message = self.marks.pop(0)
        calls = None if message == 1 or not self.marks else calls_at(self.endpoint)  # outside of what is measured
        wall, cpu = time.perf_counter(), time.process_time()
        note = {"message": message, "cpu": cpu, "wall": wall, "peak_mib": peak_mib()}
        self.notes.append({**note, "calls": calls or calls_at(self.endpoint)})
        if not self.marks:
            self.out.write_text(json.dumps({"notes": self.notes, "delays": self.delays}), encoding="utf-8")
            os.kill(os.getpid(), signal.SIGTERM)


def calls_at(endpoint: str) -> dict[str, int]:
    """Return how often each operation was called on an endpoint; by a bare socket, which needs no import."""
    host, _, port = endpoint.rpartition("/")[2].partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /stats HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}") or not _complete(answer):
            answer += connection.recv(65536)
    calls: dict[str, int] = json.loads(answer.partition(b"\r\n\r\n")[2])["calls"]
    return calls


def _complete(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    return len(body) == int(head.lower().partition(b"content-length:")[2].split()[0])


def peak_mib() -> float:
    """Return the most memory that this process had, in MiB, without what it was before it was this program."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024


def meter_of_environment() -> Meter:
    """Return the meter that the environment asks for."""
    marks = [int(mark) for mark in os.environ.get("METER_MARKS", "").split(",") if mark]
    return Meter(marks, Path(os.environ.get("METER_OUT", os.devnull)), os.environ.get("AWS_ENDPOINT_URL", ""))
