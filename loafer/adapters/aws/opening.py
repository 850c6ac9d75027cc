"""How a queue is opened to be consumed: what reaches it, and what is known of it then."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import attrs

from loafer.adapters.aws.address import Address
from loafer.adapters.aws.attributes import UNKNOWN, Attributes, attributes_of
from loafer.adapters.aws.calls import Access, Client
from loafer.adapters.aws.dead_letters import DeadLetters
from loafer.adapters.aws.errors import consumer_error, sdk_errors
from loafer.adapters.aws.lean.plain import announce, enter_plain_transport
from loafer.adapters.aws.queue import Queue
from loafer.exceptions import AccessDenied

logger = logging.getLogger(__name__)


@attrs.frozen
class Found:
    """What a queue was found to be; who consumes it too need not ask for that.

    Attributes:
        url: Its URL.
        attributes: What its attributes say.

    """

    url: str
    attributes: Attributes


@attrs.define(eq=False)
class Opened:
    """A queue that is open.

    Attributes:
        stack: Closes the clients.
        queue: The queue over the client for settlements.
        attributes: What the queue's attributes say.
        dead_letters: The queue of the redrive policy; None where there is none, or none that we may know of.
        poller: The queue over the client for polls; None before the first poll.
        lock: Held while the client for polls is created.

    """

    stack: AsyncExitStack
    queue: Queue
    attributes: Attributes
    dead_letters: DeadLetters | None
    poller: Queue | None = None
    lock: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    @property
    def found(self) -> Found:
        """What it was found to be."""
        return Found(self.queue.url, self.attributes)

    async def look_again(self) -> None:
        """Ask for its attributes again; what may not be asked for any more is taken as it was."""
        try:
            attributes = await attributes_of(self.queue)
        except AccessDenied as error:
            logger.debug("attributes are taken as they were: %s", error)
            return
        if attributes.dead_letters != self.attributes.dead_letters:
            self.dead_letters = _dead_letters(attributes, self.queue)
        self.attributes = attributes


@attrs.frozen
class Opening:
    """Opens a queue.

    Attributes:
        address: What names it.
        transport: What carries the frequent calls, `lean` or `aiobotocore`; None: what LOAFER_SQS_TRANSPORT says.
        access: How the SDK's clients are made.
        wait_time: Seconds that a poll waits.
        max_polls: How many polls there are at a time at most.

    """

    address: Address
    transport: str | None
    access: Access
    wait_time: float
    max_polls: int

    async def open(self, known: Found | None) -> Opened:
        """Open the queue, and look it up unless that is known; raises as `Queue.call` does, with nothing left open."""
        async with AsyncExitStack() as stack:
            queue = await self._reached(stack)
            if known is None:
                queue = await queue.found()
                known = Found(queue.url, await _attributes_of(queue))
            queue = await self._hastened(attrs.evolve(queue, url=known.url), stack)
            # The connections of the lean transport are enough for everything.
            poller = queue if queue.lean is not None else None
            letters = _dead_letters(known.attributes, queue)
            return Opened(stack.pop_all(), queue, known.attributes, letters, poller)

    async def poller(self, opened: Opened) -> Queue:
        """Return the queue for polls, with a client of their own that is made for the first of them."""
        # Only when first needed: the consumer that extends leases on another thread never polls.
        from loafer.adapters.aws.session import create_client, polling  # noqa: PLC0415 - it imports the SDK

        async with opened.lock:
            if opened.poller is None:
                config = polling(self.wait_time, self.max_polls)
                made = create_client("sqs", self.address.region, config, **self.access)
                client = await self._enter(opened.stack, made)
                opened.poller = attrs.evolve(opened.queue, client=client)
            return opened.poller

    async def _reached(self, stack: AsyncExitStack) -> Queue:
        """Return the queue, over the lean transport alone where that needs no SDK, else over a client of the SDK's."""
        plain = await enter_plain_transport(stack, self.address.region, self.max_polls, self.transport, **self.access)
        if plain is not None:
            return Queue(self.address, None, lean=plain)
        from loafer.adapters.aws.session import shared_client  # noqa: PLC0415 - it imports the SDK

        client = await self._enter(stack, shared_client("sqs", self.address.region, **self.access))
        return Queue(self.address, client)

    async def _hastened(self, queue: Queue, stack: AsyncExitStack) -> Queue:
        """Return a queue that was found with the lean transport for its frequent calls, where that may carry them."""
        if queue.lean is not None:
            announce(queue.place, queue.lean)
            return queue
        from loafer.adapters.aws.lean.choice import enter_lean_transport  # noqa: PLC0415 - it imports the SDK

        lean = await enter_lean_transport(
            stack, queue.client, queue.place, self.max_polls, self.transport, **self.access
        )
        if lean is not None:
            lean.server.learn_from(queue.server)
        return attrs.evolve(queue, lean=lean)

    async def _enter(self, stack: AsyncExitStack, client: AbstractAsyncContextManager[Client]) -> Client:
        try:
            return await stack.enter_async_context(client)
        except sdk_errors() as error:
            told = consumer_error(error, f"queue {self.address.name!r}", self.address.region)
        raise told


async def _attributes_of(queue: Queue) -> Attributes:
    try:
        return await attributes_of(queue)
    except AccessDenied as error:
        logger.warning("attributes are unknown, so visibility timeout and redrive policy are assumed: %s", error)
        return UNKNOWN


def _dead_letters(attributes: Attributes, queue: Queue) -> DeadLetters | None:
    return DeadLetters(attributes.dead_letters, queue) if attributes.dead_letters else None
