"""Messages that are published one by one at the same time, and go out together: a call costs the same for ten."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import attrs

from loafer.domain.batch import Failure
from loafer.domain.limits import split
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import PublisherError

LARGEST = 256 * 1024
"""Bytes that go out together at most: some endpoints take no more."""


@attrs.define(eq=False)
class Company:
    """Sends messages that have no order among them; belongs to one event loop.

    One goes by itself, at once, where no other is on its way; else with all that are published in the same turn of the
    event loop. Whatever was not sent in company goes by itself as well, and that says what became of it.

    Attributes:
        check: Raises PublisherError for what would be refused.
        alone: Sends one, and returns its id; raises what becomes of it else.
        together: Sends some in one call, once, and returns of each its id or why it was not sent.

    """

    check: Callable[[OutgoingMessage], None]
    alone: Callable[[OutgoingMessage], Awaitable[str]]
    together: Callable[[Sequence[OutgoingMessage]], Awaitable[Sequence[str | Failure]]]
    _on_their_way: int = attrs.field(default=0, init=False)
    _joining: "list[tuple[OutgoingMessage, asyncio.Future[str | Failure | None]]]" = attrs.field(
        factory=list, init=False
    )
    _calls: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    async def publish(self, message: OutgoingMessage) -> str:
        """Send a message and return its id; raises what `check` and `alone` raise."""
        self.check(message)
        joined = await self._joined(message) if self._on_their_way else None
        if isinstance(joined, str):
            return joined
        self._on_their_way += 1
        try:
            return await self.alone(message)
        except PublisherError as error:
            if joined is not None and joined.may_be_done and not error.retryable:
                raise PublisherError(joined.reason, retryable=True) from error
            raise
        finally:
            self._on_their_way -= 1

    async def _joined(self, message: OutgoingMessage) -> str | Failure | None:
        """Return the id of a message that went out in company, or why it has none; None: it is to go by itself."""
        loop = asyncio.get_running_loop()
        if not self._joining:
            loop.call_soon(self._leave)
        identity: asyncio.Future[str | Failure | None] = loop.create_future()
        self._joining.append((message, identity))
        return await identity

    def _leave(self) -> None:
        """Send what has joined in this turn, but for what was cancelled meanwhile."""
        joined = [(message, identity) for message, identity in self._joining if not identity.done()]
        self._joining.clear()
        waiting = iter([identity for _, identity in joined])
        for messages in split([message for message, _ in joined], LARGEST):
            identities = [next(waiting) for _ in messages]
            if len(messages) == 1:
                identities[0].set_result(None)
                continue
            call = asyncio.ensure_future(self._send(messages, identities))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _send(
        self, messages: Sequence[OutgoingMessage], identities: "Sequence[asyncio.Future[str | Failure | None]]"
    ) -> None:
        results: Sequence[str | Failure] = ()
        self._on_their_way += 1
        try:
            results = await self.together(messages)
        except PublisherError:
            pass  # said to each that goes by itself
        finally:  # whatever has happened, nobody waits for ever
            self._on_their_way -= 1
            found = [*results, *[None] * (len(messages) - len(results))]
            for identity, result in zip(identities, found, strict=True):
                if not identity.done():
                    identity.set_result(result)
