"""A standard queue in memory with SQS's semantics: visibility timeouts, receive counts, long polls, stale receipts."""

import asyncio
import hashlib
import itertools
import secrets
import time
from collections import deque
from typing import Any

import attrs

Answer = dict[str, Any]

LIFE = secrets.token_hex(60)
"""What ids and receipts of this process bear: after a restart no id is given again, and receipts delete nothing."""


@attrs.define(eq=False)
class StoredMessage:
    id: str
    body: str
    md5: str
    attributes: dict[str, Any]
    group: str | None = None
    sent_at: str = attrs.field(factory=lambda: str(int(time.time() * 1000)))
    receive_count: int = 0

    def as_received(self, receipt: str) -> Answer:
        system = {"ApproximateReceiveCount": str(self.receive_count), "SentTimestamp": self.sent_at}
        if self.group is not None:
            system["MessageGroupId"] = self.group
        answer: Answer = {
            "MessageId": self.id,
            "ReceiptHandle": receipt,
            "MD5OfBody": self.md5,
            "Body": self.body,
            "Attributes": system,
        }
        if self.attributes:
            answer["MessageAttributes"] = self.attributes
        return answer


@attrs.define(eq=False)
class Lease:
    message: StoredMessage
    deadline: float


@attrs.define(eq=False)
class LeanQueue:
    name: str
    url: str
    visibility: float = 30.0
    refill: bool = False
    """Whether each deleted message is replaced by a new one of the same body."""
    ready: deque[StoredMessage] = attrs.field(factory=deque)
    in_flight: dict[str, Lease] = attrs.field(factory=dict)
    waiters: deque[asyncio.Future[None]] = attrs.field(factory=deque)
    sent: int = 0
    received: int = 0
    redelivered: int = 0
    released: int = 0
    deleted: int = 0
    stale: int = 0
    max_in_flight: int = 0
    _numbers: "itertools.count[int]" = attrs.field(factory=lambda: itertools.count(1))
    _nothing_ends_before: float = float("inf")
    """No lease ends earlier, so that until then none has to be looked at."""

    def put(self, body: str, attributes: dict[str, Any] | None = None, group: str | None = None) -> StoredMessage:
        message = StoredMessage(self._new_id(), body, hashlib.md5(body.encode()).hexdigest(), attributes or {}, group)
        self.sent += 1
        self._show(message)
        return message

    async def receive(self, limit: int, wait: float, visibility: float | None) -> list[Answer]:
        end = time.monotonic() + wait
        seconds = self.visibility if visibility is None else visibility
        while not (taken := self._take(limit, seconds)) and (left := end - time.monotonic()) > 0:
            await self._wait(left)
        return taken

    def delete(self, receipt: str) -> Answer:
        """Delete a message; a stale receipt is answered with success, as SQS does on a standard queue."""
        self._expire()
        lease = self.in_flight.pop(receipt, None)
        if lease is None:
            self.stale += 1
            return {}
        self.deleted += 1
        if self.refill:
            old = lease.message
            self.sent += 1
            self._show(StoredMessage(self._new_id(), old.body, old.md5, old.attributes, old.group))
        return {}

    def change_visibility(self, receipt: str, seconds: float) -> bool:
        """Return False for a receipt that is not in flight any more."""
        self._expire()
        lease = self.in_flight.get(receipt)
        if lease is None:
            return False
        if seconds > 0:
            lease.deadline = time.monotonic() + seconds
            self._nothing_ends_before = min(self._nothing_ends_before, lease.deadline)
        else:
            del self.in_flight[receipt]
            self.released += 1
            self._show(lease.message)
        return True

    def stats(self) -> dict[str, float | str]:
        self._expire()
        counts = attrs.asdict(self, filter=lambda field, _: field.type in (int, float, str), recurse=False)
        return counts | {"ready": len(self.ready), "in_flight": len(self.in_flight)}

    def _new_id(self) -> str:
        return f"{self.name}-{LIFE[:8]}-{next(self._numbers)}"

    def _show(self, message: StoredMessage) -> None:
        self.ready.append(message)
        self._wake()

    def _wake(self) -> None:
        """Let a receive that waits look again."""
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _take(self, limit: int, visibility: float) -> list[Answer]:
        self._expire()
        deadline = time.monotonic() + visibility
        taken: list[Answer] = []
        while len(taken) < limit and (message := self._next()) is not None:
            message.receive_count += 1
            receipt = f"{message.id}#{message.receive_count}#{LIFE}"
            self.in_flight[receipt] = Lease(message, deadline)
            taken.append(message.as_received(receipt))
        if not taken:
            return taken
        self._taken()
        self._nothing_ends_before = min(self._nothing_ends_before, deadline)
        self.received += len(taken)
        self.max_in_flight = max(self.max_in_flight, len(self.in_flight))
        return taken

    def _next(self) -> StoredMessage | None:
        return self.ready.popleft() if self.ready else None

    def _taken(self) -> None:
        """Note that a receive has taken what it gets."""

    def _expire(self) -> None:
        now = time.monotonic()
        if now < self._nothing_ends_before:
            return
        late = [receipt for receipt, lease in self.in_flight.items() if lease.deadline <= now]
        for receipt in late:
            self.redelivered += 1
            self._show(self.in_flight.pop(receipt).message)
        self._nothing_ends_before = min((lease.deadline for lease in self.in_flight.values()), default=float("inf"))

    async def _wait(self, left: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        try:
            async with asyncio.timeout(max(0.001, min(left, self._nothing_ends_before - time.monotonic(), 1.0))):
                await waiter
        except TimeoutError:
            pass
        finally:
            if waiter in self.waiters:
                self.waiters.remove(waiter)
