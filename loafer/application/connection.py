"""What carries the content of one publisher while its application runs."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs

from loafer.application.told_sends import Results, ToldSends
from loafer.domain.batch import Failure
from loafer.domain.message import OutgoingMessage
from loafer.ports.publisher import Publisher

Sent = TypeVar("Sent")

Write: TypeAlias = Callable[[Any], str]
"""Turns content into a body; raises InvalidContent where it is of another type."""


@attrs.define(eq=False)
class Connection:
    """Carries messages to one destination; open in one event loop, and used in those of other threads too.

    Attributes:
        publisher: Sends them.
        write: Turns content into bodies.
        told: Tells of what is sent; None: nobody wants to know.
        loop: The event loop in which it is open.

    """

    publisher: Publisher
    write: Write
    told: ToldSends | None = None
    loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False)

    async def open(self) -> None:
        """Open it in this event loop; PublisherError if there is no such destination, or none that can be reached."""
        await self.publisher.open()
        self.loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Let go of connections."""
        self.loop = None
        await self.publisher.close()

    @property
    def is_here(self) -> bool:
        """Tell whether it is open in this event loop."""
        return self.loop is asyncio.get_running_loop()

    def publish(self, message: OutgoingMessage) -> Awaitable[str]:
        """Send one message and return its id; raises as Publisher.publish does."""
        if self.told is None:
            return self._in_its_loop(self.publisher.publish(message))
        return self._publish_told(message, self.told)

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        """Send many; per message its id, or why that failed."""
        return await (self._send(messages) if self.told is None else self.told.send(messages, self._send))

    async def _publish_told(self, message: OutgoingMessage, told: ToldSends) -> str:
        [identity] = await told.send([message], self._send_one)
        return str(identity)

    async def _send_one(self, messages: Sequence[OutgoingMessage]) -> Results:
        return [await self._in_its_loop(self.publisher.publish(messages[0]))]

    async def _send(self, messages: Sequence[OutgoingMessage]) -> Results:
        return await self._in_its_loop(self.publisher.publish_batch(messages))

    def _in_its_loop(self, sending: Coroutine[Any, Any, Sent]) -> Awaitable[Sent]:
        if self.loop is None or self.is_here:
            return sending
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(sending, self.loop))
