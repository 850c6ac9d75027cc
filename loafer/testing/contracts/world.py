"""What a contract needs from the place it is tested on: queues, a way to look into them, and time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import pytest

from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.exceptions import ConsumerUnavailable, PublisherError
from loafer.ports.consumer import Consumer
from loafer.ports.publisher import Publisher


class Queue(Protocol):
    """A queue of a test's own, with an open consumer of it; its world closes whatever it opens."""

    @property
    def consumer(self) -> Consumer:
        """The queue's first consumer."""
        ...

    async def another_consumer(self) -> Consumer:
        """Return one more open consumer of the queue."""
        ...

    async def send(self, message: OutgoingMessage) -> str:
        """Put a message on the queue, past the code under test, and return its id."""
        ...

    async def publisher(self) -> Publisher:
        """Return one more open publisher to the queue."""
        ...

    async def counts(self) -> tuple[int, int]:
        """Return how many messages are visible, and how many are in flight."""
        ...

    async def dead_letters(self) -> Sequence[Message]:
        """Receive what is on the dead-letter queue, up to ten."""
        ...


class World(Protocol):
    """A place with queues and a clock; it is opened and closed on the event loop of one test."""

    async def queue(
        self,
        *,
        visibility_timeout: int = 30,
        wait_time: int = 0,
        fifo: bool = False,
        max_receive_count: int | None = None,
        letters_of: Queue | None = None,
        deduplication_scope: Literal["queue", "messageGroup"] = "queue",
    ) -> Queue:
        """Make a queue; with a `max_receive_count` it has a dead-letter queue: one of its own, or another queue's."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Let time pass; 0: one turn of the event loop."""
        ...

    def now(self) -> float:
        """Return the time in seconds."""
        ...


@runtime_checkable
class Restartable(Protocol):
    """A world that can restart its endpoint, which keeps its messages."""

    async def restart(self) -> None:
        """Cut all connections, and be there again a moment later."""
        ...


Worlds: TypeAlias = Callable[[], AbstractAsyncContextManager[World]]
"""The factory that the fixture `world` returns."""


def in_group(body: str, group: str = "g") -> OutgoingMessage:
    """Return a message for a FIFO queue."""
    return OutgoingMessage(body, group=group, deduplication_id=f"{group}-{body}")


PECULIAR = (
    "é😀",
    " a blank before and after ",
    "\t\r\na line and another\r\n",
    '{"a": "<&>\\u00e9\\n"}',
    "null",
    "a+b=c%20d&e;\u2028\x7f\ufffd",
)
"""Bodies that do not survive everywhere."""


def plain(number: int) -> list[OutgoingMessage]:
    """Return so many messages for a standard queue, with bodies in the order of sorting."""
    return [OutgoingMessage(f"{position:05}") for position in range(number)]


async def send_all(queue: Queue, messages: Sequence[OutgoingMessage]) -> list[str]:
    """Send messages at once, and return their bodies."""
    await asyncio.gather(*(queue.send(message) for message in messages))
    return [message.body for message in messages]


async def received(queue: Queue, number: int) -> list[Message]:
    """Receive so many messages, in as many receives as it takes."""
    messages: list[Message] = []
    while len(messages) < number and (found := await queue.consumer.receive(number - len(messages))):
        messages += found
    if len(messages) != number:
        raise AssertionError(f"{number} messages should have come, and {len(messages)} came")
    return messages


MOST = 10_000
"""More than any test sends: a queue that gives more than that never ends."""


async def emptied(consumer: Consumer, *, limit: int = 10, acknowledge: bool = True) -> list[Message]:
    """Receive, and acknowledge unless it is not wanted, until nothing comes; an adapter that gives for ever fails."""
    came: list[Message] = []
    while messages := await consumer.receive(limit):
        came += messages
        if acknowledge:
            await consumer.acknowledge(messages)
        if len(came) > MOST:
            raise AssertionError("the queue goes on to give messages that were received already")
    return came


MOMENTS = 10
"""How many moments a call is cancelled at, each a little later: a dead-letter queue shows no more letters at once."""


async def cancelled_after(turns: int, call: Awaitable[Any], world: World) -> Any:
    """Cancel a call after some turns of the event loop; return what it returned, or None if it was cancelled.

    The later turns take some time each: an answer may be on its way.
    """
    calling = asyncio.ensure_future(call)
    for turn in range(turns):
        await world.pass_time(0 if turn < MOMENTS // 2 else 0.002)
    calling.cancel()
    with suppress(asyncio.CancelledError):
        return await calling


def bodies(messages: Sequence[Message]) -> list[str]:
    """Return the bodies of messages, sorted."""
    return sorted(message.body for message in messages)


def is_lost(result: Failure | None) -> bool:
    """Tell whether a result says that the lease is lost: nothing will make the same call succeed."""
    return result is not None and not result.retryable


@runtime_checkable
class Changeable(Protocol):
    """A queue whose attributes can be changed while there are consumers of it."""

    async def change(self, *, visibility_timeout: int) -> None:
        """Let received messages stay invisible for so many seconds, where a receive does not say for how long."""
        ...


def changeable(queue: Queue) -> Changeable:
    """Return the queue whose attributes can be changed; skip the test where that cannot be done."""
    if not isinstance(queue, Changeable):
        pytest.skip("the attributes of this queue cannot be changed")
    return queue


def restartable(world: World) -> Restartable:
    """Return the world whose endpoint can be restarted; skip the test where that cannot be done."""
    if not isinstance(world, Restartable):
        pytest.skip("this world cannot restart its endpoint")
    return world


async def failed(call: Awaitable[Any]) -> bool:
    """Tell whether a call met trouble that may pass."""
    try:
        await call
    except (ConsumerUnavailable, PublisherError):
        return True
    return False
