"""The SQS consumer: one queue, received from by long polls and settled in batches."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from loafer.adapters.aws.address import Address, queue_address
from loafer.adapters.aws.answers import messages_in
from loafer.adapters.aws.attempts import PARAMETER, Attempts
from loafer.adapters.aws.attributes import Attributes, depth_of
from loafer.adapters.aws.batches import Entry, settle
from loafer.adapters.aws.calls import POLL_MARGIN, Access, access_of
from loafer.adapters.aws.errors import Unanswered, Unmended
from loafer.adapters.aws.lean.plain import prepare
from loafer.adapters.aws.opening import Found, Opened, Opening
from loafer.adapters.aws.options import ReceiveOptions, receive_options
from loafer.domain.batch import Failure
from loafer.domain.depth import Depth
from loafer.domain.limits import LONGEST_LEASE, LONGEST_VISIBILITY
from loafer.domain.message import Message
from loafer.domain.shown import without_secrets
from loafer.exceptions import ConfigurationError, ConsumerError, ConsumerUnavailable
from loafer.ports.consumer import COPY_CONFIRMED, Consumer, SourceInfo

_ASSUMED_VISIBILITY = 30


@attrs.define(eq=False)
class SQSConsumer(Consumer):
    """Receives from the queue that `source` names (name, URL or ARN); `options` are ReceiveMessage's parameters.

    Creating one raises ConfigurationError if the source is no queue or an option is wrong.

    Attributes:
        transport: What carries the frequent calls, `lean` or `aiobotocore`; None: what LOAFER_SQS_TRANSPORT says.
        region: The queue's region; None: what its URL or ARN says, else the environment.
        endpoint: The endpoint that is called; None: the environment's.
        profile: The profile whose credentials are used; None: the environment's.

    """

    source: str
    options: Mapping[str, Any] = attrs.field(factory=dict)
    transport: str | None = attrs.field(default=None, kw_only=True)
    region: str | None = attrs.field(default=None, kw_only=True)
    endpoint: str | None = attrs.field(default=None, kw_only=True)
    profile: str | None = attrs.field(default=None, kw_only=True)
    max_polls: int = attrs.field(default=50, init=False)
    batch_size: int = attrs.field(init=False)
    wait_time: int = attrs.field(init=False)
    _address: Address = attrs.field(init=False)
    _shown: str = attrs.field(init=False)
    _receive: ReceiveOptions = attrs.field(init=False)
    _opened: Opened | None = attrs.field(init=False, default=None)
    _attempts: Attempts = attrs.field(init=False, factory=Attempts)
    _known: Found | None = attrs.field(init=False, default=None)
    """What another consumer of the queue has found."""

    def __attrs_post_init__(self) -> None:
        """Check the source and the options."""
        self._receive, self._shown = receive_options(self.options), without_secrets(self.source)
        try:
            self._address = queue_address(self.source).within(self.region)
        except ValueError as error:
            raise ConfigurationError(f"source: {error}") from error
        self.batch_size = self._receive.batch_size
        self.wait_time = self._receive.wait_time
        prepare(self._address.region, self.transport, self._access)

    def wait_at_most(self, seconds: float | None) -> None:
        """Let polls wait for so many whole seconds at most."""
        asked = self._receive.wait_time
        self.wait_time = asked if seconds is None else int(min(asked, seconds))

    def learn_from(self, other: Consumer) -> None:
        """Take over its URL and attributes from another one that is open."""
        self._known = other.found() if isinstance(other, SQSConsumer) else None

    def found(self) -> Found | None:
        """Return what the queue was found to be; None: it is not open."""
        return None if self._opened is None else self._opened.found

    async def open(self) -> SourceInfo:
        """Look the queue up and return what it is; leaves nothing open if that fails, and may be called again."""
        await self.close()
        try:
            self._opened = opened = await self._opening.open(self._known)
        except Unmended as error:
            told = ConsumerError(str(error))
        else:
            return self._info(opened.attributes)
        raise told

    async def look_again(self) -> SourceInfo:
        """Ask for the queue's attributes again; what may not be asked for any more is taken as it was."""
        opened = self._need()
        await opened.look_again()
        return self._info(opened.attributes)

    async def depth(self) -> Depth:
        """Ask for the queue's counts."""
        return await depth_of(self._need().queue)

    async def receive(self, limit: int) -> Sequence[Message]:
        """Return what one long poll brings; on a FIFO queue it is the last one again if that was not answered."""
        most = min(limit, self.batch_size)
        if not self._address.ordered:
            return await self._poll(most)
        opened = self._need()
        attempt = self._attempts.next(most, self.wait_time + self._visibility_timeout(opened.attributes))
        try:
            return await self._poll(attempt.most, **{PARAMETER: attempt.id})
        except (Unanswered, asyncio.CancelledError):
            self._attempts.lost(attempt)
            raise
        except ConsumerError as error:
            if PARAMETER not in str(error):
                raise
            told = ConsumerUnavailable(str(error))  # others have received what it brought, or it was throttled
        raise told

    async def _poll(self, most: int, **parameters: str) -> Sequence[Message]:
        opened = self._need()
        poller = opened.poller or await self._opening.poller(opened)
        return await poller.read(
            partial(messages_in, source=self._shown, most=most),
            "receive_message",
            within=self.wait_time + POLL_MARGIN,
            MaxNumberOfMessages=most,
            VisibilityTimeout=self._visibility_timeout(opened.attributes),
            WaitTimeSeconds=self.wait_time,
            **parameters,
            **self._receive.parameters,
        )

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Delete messages with DeleteMessageBatch."""
        letters = self._need().dead_letters
        entries = [{"ReceiptHandle": message.receipt} for message in messages]
        results = await self._settle("delete_message_batch", entries)
        if letters is not None and letters.copied:
            letters.forget(message for message, failure in zip(messages, results, strict=True) if failure is None)
        return results

    async def release(self, messages: Sequence[Message], delays: Sequence[float]) -> Sequence[Failure | None]:
        """Give messages back with ChangeMessageVisibilityBatch, in whole seconds, rounded up.

        SQS refuses what would keep one for more than 12 hours from its receipt: a delay is cut to a little less.
        """
        within = [min(delay, LONGEST_LEASE) for delay in delays]
        entries = [_visibility(message, delay) for message, delay in zip(messages, within, strict=True)]
        return await self._settle("change_message_visibility_batch", entries)

    async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
        """Keep messages invisible with ChangeMessageVisibilityBatch, in whole seconds, rounded up."""
        entries = [_visibility(message, seconds) for message in messages]
        return await self._settle("change_message_visibility_batch", entries)

    async def dead_letter(self, message: Message) -> Failure | None:
        """Copy a message to the queue of the redrive policy, and delete it once that queue has confirmed it."""
        letters = self._need().dead_letters
        if letters is None:
            return Failure("no dead-letter queue is known", retryable=False)
        copied = False
        try:
            await letters.copy(message)
            copied, confirmed = True, COPY_CONFIRMED.get()
            if confirmed is not None:
                confirmed()
            [failure] = await self.acknowledge([message])
        except ConsumerUnavailable as error:
            return Failure(str(error), copied=copied)
        except ConsumerError as error:
            return Failure(str(error), retryable=False, copied=copied)
        return None if failure is None else attrs.evolve(failure, copied=True)

    async def close(self) -> None:
        """Let go of connections; may be repeated."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.stack.aclose()
            await asyncio.sleep(0)  # the event loop closes the lean transport's connections in its next turn

    @property
    def _access(self) -> Access:
        return access_of(self.endpoint, self.profile)

    @property
    def _opening(self) -> Opening:
        return Opening(self._address, self.transport, self._access, self.wait_time, self.max_polls)

    def _need(self) -> Opened:
        if self._opened is None:
            raise ConsumerError(f"queue {self._address.name!r}: the consumer is not open")
        return self._opened

    def _info(self, attributes: Attributes) -> SourceInfo:
        return SourceInfo(
            self._visibility_timeout(attributes),
            self._address.ordered,
            attributes.max_receive_count,
            attributes.redrive_known,
            self._place(attributes),
        )

    def _place(self, attributes: Attributes) -> str | None:
        """Return what names the queue however it was named; emulators all have the same account."""
        if attributes.arn is None or self.endpoint is None:
            return attributes.arn
        return f"{attributes.arn} at {self.endpoint}"

    def _visibility_timeout(self, attributes: Attributes) -> int:
        # Every receive says it: a queue whose own is changed would else end leases that count on the one from before.
        return self._receive.visibility_timeout or attributes.visibility_timeout or _ASSUMED_VISIBILITY

    async def _settle(self, operation: str, entries: Sequence[Entry]) -> list[Failure | None]:
        queue = self._need().queue
        return await settle(lambda chunk: queue.call(operation, Entries=chunk), entries)


def _visibility(message: Message, seconds: float) -> Entry:
    whole = min(max(math.ceil(seconds), 0), LONGEST_VISIBILITY)
    return {"ReceiptHandle": message.receipt, "VisibilityTimeout": whole}
