"""The strict endpoint from a test's side: its process, its control calls, and any operation of SQS, unsigned."""

import contextlib
import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
from endpoints import HERE, free_port, running
from strict.stored import Event


@contextlib.contextmanager
def strict_sqs() -> Iterator["StrictEndpoint"]:
    """Run an endpoint in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "strict.strict_sqs", str(port)]
    with running(command, port, "/stats", {"PYTHONPATH": str(HERE)}) as url:
        yield StrictEndpoint(url)


@attrs.frozen
class StrictEndpoint:
    """A running strict endpoint; nothing here waits but for the answer."""

    url: str

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Call an operation of SQS, as nobody; HTTPError where it is refused."""
        answer: dict[str, Any] = self._post("/", request, {"X-Amz-Target": f"AmazonSQS.{operation}"})
        return answer

    def create(self, name: str, **attributes: object) -> str:
        """Create a queue, FIFO if its name says so, and return its name."""
        fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        self.call("CreateQueue", QueueName=name, Attributes={**fifo, **{k: str(v) for k, v in attributes.items()}})
        return name

    def create_redriven(self, name: str, attempts: int, dead: str = "", **attributes: object) -> tuple[str, str]:
        """Create a queue and its dead-letter queue, and return the names of both."""
        stem, dot, suffix = name.partition(".")
        dead_letters = self.create(dead or f"{stem}-dead{dot}{suffix}")
        arn = f"arn:aws:sqs:us-east-1:000000000000:{dead_letters}"
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": attempts})
        return self.create(name, RedrivePolicy=policy, **attributes), dead_letters

    def fill(
        self,
        queue: str,
        bodies: Sequence[object],
        groups: Sequence[str] | None = None,
        deduplication: str | None = None,
    ) -> None:
        """Send bodies, as JSON unless they are text, each to its group if there are groups."""
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        named: Sequence[str | None] = groups or [None] * len(texts)
        messages = [
            {"body": body, "group": group, "deduplication": deduplication}
            for body, group in zip(texts, named, strict=True)
        ]
        self._post(f"/fill?queue={queue}", messages)

    def numbers(self, queue: str, count: int, start: int = 0) -> None:
        """Send the bodies {"n": start} and on."""
        self.fill(queue, [{"n": number} for number in range(start, start + count)])

    def faults(self, faults: Mapping[str, Mapping[str, Any]], seed: int | None = None) -> None:
        """Have these faults and no others, by operation; see strict_faults.py."""
        self._post("/faults" if seed is None else f"/faults?seed={seed}", faults)

    def lost_leases_are(self, code: str) -> None:
        """Tell of lost leases with another code."""
        self._post(f"/dialect?lost={code}", {})

    def redrive(self, dead_letters: str, queue: str) -> None:
        """Move all messages back, as SQS does."""
        self._post(f"/redrive?queue={dead_letters}&to={queue}", {})

    def counts(self, queue: str) -> dict[str, int]:
        """Return how many messages of a queue are visible, in_flight, and delayed."""
        counts: dict[str, int] = self._get("/stats")["queues"][queue]
        return counts

    def left(self, queue: str) -> int:
        return sum(self.counts(queue).values())

    def calls(self, operation: str, worker: str | None = None) -> int:
        """Return how often an operation was called, by a worker or by all."""
        by: dict[str, int] = self._get("/stats")["calls"].get(operation, {})
        return sum(by.values()) if worker is None else by.get(worker, 0)

    def history(self, queue: str, *what: str) -> list[Event]:
        """Return what happened on a queue, of the kinds that are named, or all."""
        events = [Event(**event) for event in self._get(f"/history?queue={queue}")]
        return [event for event in events if not what or event.what in what]

    def show(self, queue: str) -> None:
        """End all leases on a queue, as if their time were over."""
        self._post(f"/show?queue={queue}", {})

    def reset(self) -> None:
        self._post("/reset", {})

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def _post(self, path: str, content: object, headers: Mapping[str, str] = {}) -> Any:
        data = json.dumps(content).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=30) as answer:
            return json.load(answer)
