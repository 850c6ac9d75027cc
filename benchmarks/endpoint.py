"""The lean SQS endpoint of the tests, in a process of its own, and its control calls."""

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from benchmarks.environments import ROOT

SERVER = ROOT / "tests" / "integration" / "lean_sqs.py"
BODY = 180
"""Bytes of padding, which make bodies of about 200 bytes."""

SETTLING = ("ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility")
"""How the names of the API calls begin that messages cost."""


@attrs.frozen
class Endpoint:
    """A running endpoint."""

    url: str

    def queue_url(self, queue: str) -> str:
        """Return the URL of a queue."""
        return f"{self.url}/000000000000/{queue}"

    def reset(self) -> None:
        """Forget everything."""
        self._call("/reset")

    def fill(self, queue: str, messages: int, *, refill: bool = False, groups: int = 1, records: int = 0) -> None:
        """Send messages; with `refill`, each that is deleted is replaced by a new one.

        A FIFO queue has so many groups; where `records` says bytes, the bodies are records of as many, and no padding.
        """
        size = f"{records}&records=1" if records else BODY
        self._call(f"/fill?queue={queue}&n={messages}&size={size}&refill={int(refill)}&groups={groups}")

    def lag(self, seconds: float) -> None:
        """Let each call take so many seconds on average, at most twice as many."""
        self._call(f"/chaos?lag={2 * seconds}")

    def stats(self) -> dict[str, Any]:
        """Return what was counted."""
        stats: dict[str, Any] = json.loads(self._call("/stats"))
        return stats

    def _call(self, path: str) -> bytes:
        request = urllib.request.Request(self.url + path, b"", method="POST")
        with urllib.request.urlopen(request, timeout=120) as answer:
            data: bytes = answer.read()
            return data


def calls_of(noted: dict[str, Any]) -> int:
    """Return how many API calls there were that messages cost, of what was noted or counted."""
    return sum(number for name, number in noted["calls"].items() if name.startswith(SETTLING))


def deleted_of(stats: dict[str, Any]) -> int:
    """Return how many messages were deleted, over all queues."""
    return sum(queue["deleted"] for queue in stats["queues"].values())


@contextmanager
def running(python: Path) -> Iterator[Endpoint]:
    """Run the endpoint until the end of the block.

    Raises:
        RuntimeError: it does not start.

    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    endpoint = Endpoint(f"http://127.0.0.1:{port}")
    with subprocess.Popen([str(python), str(SERVER), str(port)]) as server:
        try:
            _wait_for(endpoint, server)
            yield endpoint
        finally:
            server.kill()


def _wait_for(endpoint: Endpoint, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.poll() is None:
        try:
            endpoint.stats()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the endpoint does not start")
