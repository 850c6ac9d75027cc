"""What publishing to SQS and to SNS has in common: one channel, told by a dialect how a service names things."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import attrs

from loafer.adapters.aws.address import Address
from loafer.adapters.aws.answers import placed, text_in
from loafer.adapters.aws.batches import failure_of
from loafer.adapters.aws.bill import BILL
from loafer.adapters.aws.calls import CALL_TIMEOUT, OPEN_TIMEOUT, Access, Client, called
from loafer.adapters.aws.company import Company
from loafer.adapters.aws.deadlines import Deadlines
from loafer.adapters.aws.errors import Kind, diagnose, may_be_done, publisher_error, sdk_errors
from loafer.adapters.aws.lean.plain import announce, enter_plain_transport, import_sdk, prepare
from loafer.adapters.aws.lean.transport import OPERATIONS, LeanTransport
from loafer.adapters.aws.persistence import ATTEMPTS, persistent
from loafer.adapters.aws.wire import texts_in, wire_attributes, wire_trace_header
from loafer.domain.batch import Failure
from loafer.domain.limits import Limits, mistake_in, split
from loafer.domain.message import OutgoingMessage
from loafer.domain.sending import NOT_SENT, GroupedSending
from loafer.exceptions import PublisherError

_MAY_PASS = {Kind.PASSING, Kind.MISTAKE}


@attrs.frozen
class Dialect:
    """How one service names what both do alike: its SDK name, operations and parameters, and its limits.

    Attributes:
        lean: True if the lean transport speaks its protocol.

    """

    service: str
    noun: str
    target: str
    body: str
    send: str
    send_batch: str
    entries: str
    limits: Limits
    lean: bool = False


@attrs.define
class Channel:
    """One queue or topic that is published to, over the client of its service, open between `open` and `close`.

    Attributes:
        transport: What carries the frequent calls, `lean` or `aiobotocore`; None: what LOAFER_SQS_TRANSPORT says.
        access: How its service is reached, where the environment is not to say it.
        place: How an error message names it.

    """

    dialect: Dialect
    address: Address
    transport: str | None = None
    access: Access = attrs.field(factory=Access)
    place: str = attrs.field(init=False)
    _limits: Limits = attrs.field(init=False)
    _stack: AsyncExitStack | None = attrs.field(init=False, default=None)
    _client: Client = attrs.field(init=False, default=None)
    _target: str = attrs.field(init=False, default="")
    _lean: LeanTransport | None = attrs.field(init=False, default=None)
    _company: Company = attrs.field(init=False)
    _deadlines: Deadlines = attrs.field(init=False, factory=Deadlines)

    def __attrs_post_init__(self) -> None:
        """Import the SDK where it will be needed."""
        self.place = f"{self.dialect.noun} {self.address.name!r}"
        self._limits = self.dialect.limits.of(self.address.name)
        self._company = self._new_company()
        if self.dialect.lean:
            prepare(self.address.region, self.transport, self.access)
        else:
            import_sdk()

    async def open(self, find: Callable[[Client], Awaitable[str]]) -> None:
        """Have `find` say the URL or ARN, given the client if one is needed; PublisherError after 8 seconds at most."""
        await self.close()
        self._deadlines, self._company = Deadlines(), self._new_company()  # of this event loop
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(OPEN_TIMEOUT):
                    if not await self._open_plainly(stack):
                        await self._open_client(stack)
                    self._target = await persistent(partial(find, self._client), self.place)
                    await self._choose_transport(stack)
                    self._stack = stack.pop_all()
                    return
            except sdk_errors() as error:
                told = publisher_error(error, self.place, self._region())
        raise told  # without what the SDK raised: its text may repeat what was signed and sent

    def _new_company(self) -> Company:
        return Company(self._check, self._publish_alone, partial(self._publish_chunk, attempts=1))

    async def _open_plainly(self, stack: AsyncExitStack) -> bool:
        """Tell whether the lean transport carries every call, and no client is needed."""
        self._client = self._lean = None
        if self.dialect.lean:
            self._lean = await enter_plain_transport(stack, self.address.region, 0, self.transport, **self.access)
        return self._lean is not None

    async def _open_client(self, stack: AsyncExitStack) -> None:
        from loafer.adapters.aws.session import find_credentials, shared_client  # noqa: PLC0415 - it imports the SDK

        client = shared_client(self.dialect.service, self.address.region, **self.access)
        self._client = await stack.enter_async_context(client)
        await find_credentials(self.access.get("profile"))

    async def _choose_transport(self, stack: AsyncExitStack) -> None:
        if self._lean is not None:
            announce(self.place, self._lean)
        elif self.dialect.lean:
            from loafer.adapters.aws.lean.choice import enter_lean_transport  # noqa: PLC0415 - it imports the SDK

            self._lean = await enter_lean_transport(stack, self._client, self.place, 0, self.transport, **self.access)

    def ask(self, operation: str, parameters: dict[str, Any]) -> Awaitable[dict[str, Any]]:
        """Return the answer to an operation, asked for once; raises what the SDK raises, and UnreadableAnswer."""
        BILL.add(operation, self.address.name, parameters, None)
        if self._lean is None or operation not in OPERATIONS:
            return called(self._client, operation, parameters)
        return self._deadlines.within(CALL_TIMEOUT, self._lean.call(operation, parameters))

    def publish(self, message: OutgoingMessage) -> Coroutine[Any, Any, str]:
        """Send one message and return its id; PublisherError if it breaks a limit (then before any call) or fails."""
        if self.dialect.lean and not self._limits.ordered:
            return self._company.publish(message)
        return self._publish_checked(message)

    async def _publish_checked(self, message: OutgoingMessage) -> str:
        self._check(message)
        return await self._publish_alone(message)

    async def _publish_alone(self, message: OutgoingMessage) -> str:
        entry = self._entry(message)
        try:
            return text_in(await self._call(self.dialect.send, entry), "MessageId")
        except sdk_errors() as error:
            told = publisher_error(error, self.place, self._region(), texts_in(entry))
        raise told

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> list[str | Failure]:
        """Send many, in order; PublisherError before any call if one of them breaks a limit."""
        for position, message in enumerate(messages):
            self._check(message, position)
        if self._limits.ordered:
            return await self._publish_groups(GroupedSending(messages, self._limits.size))
        results: list[str | Failure] = []
        for chunk in split(messages, self._limits.size):
            results += await self._publish_chunk(chunk)
        return results

    async def _publish_groups(self, sending: GroupedSending) -> list[str | Failure]:
        results: list[str | Failure] = [NOT_SENT] * len(sending.messages)
        while positions := sending.next_call():
            chunk = await self._publish_chunk([sending.messages[position] for position in positions])
            for position, result in zip(positions, chunk, strict=True):
                results[position] = result
                if isinstance(result, Failure):
                    sending.failed(position)
                else:
                    sending.sent(position)
        return results

    async def close(self) -> None:
        """Let go of the client; may be repeated."""
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()
            await asyncio.sleep(0)  # the event loop closes the lean transport's connections in its next turn

    def _check(self, message: OutgoingMessage, position: int | None = None) -> None:
        """Raise PublisherError for a message that would be refused; its one line says which of many."""
        mistake = mistake_in(message, self._limits)
        if mistake is not None:
            which = "the message" if position is None else f"message {position}"
            raise PublisherError(f"{self.place} does not take {which}: {mistake}")

    async def _publish_chunk(self, chunk: Sequence[OutgoingMessage], attempts: int = ATTEMPTS) -> list[str | Failure]:
        entries = [{"Id": str(position), **self._entry(message)} for position, message in enumerate(chunk)]
        parameters = {self.dialect.entries: entries}
        try:
            answer = await self._call(self.dialect.send_batch, parameters, attempts)
        except sdk_errors() as error:
            found = diagnose(error, self.place, self._region(), texts_in(parameters))
            doubtful = found.kind is Kind.PASSING and may_be_done(error)
            return [Failure(found.sentence, retryable=found.kind in _MAY_PASS, may_be_done=doubtful)] * len(chunk)
        results: list[str | Failure] = [Failure("the answer does not mention this message")] * len(chunk)
        for position, sent in placed(answer, "Successful", len(chunk)):
            identity = sent.get("MessageId")
            results[position] = identity if isinstance(identity, str) else Failure("the answer has no id for it")
        for position, failed in placed(answer, "Failed", len(chunk)):
            results[position] = failure_of(failed, texts_in(entries[position]))
        return results

    def _call(self, operation: str, parameters: dict[str, Any], attempts: int = ATTEMPTS) -> Awaitable[dict[str, Any]]:
        if self._stack is None:
            raise PublisherError(f"{self.place}: the publisher is not open")
        parameters = {self.dialect.target: self._target, **parameters}
        return persistent(partial(self.ask, operation, parameters), self.place, attempts, sends=True)

    def _entry(self, message: OutgoingMessage) -> dict[str, Any]:
        entry: dict[str, Any] = {self.dialect.body: message.body}
        if message.attributes:
            entry["MessageAttributes"] = wire_attributes(message.attributes)
        if message.trace_header is not None and self.dialect.lean:
            entry["MessageSystemAttributes"] = wire_trace_header(message.trace_header)
        if message.delay is not None:
            entry["DelaySeconds"] = message.delay
        if message.group is not None:
            entry["MessageGroupId"] = message.group
        if message.deduplication_id is not None:
            entry["MessageDeduplicationId"] = message.deduplication_id
        return entry

    def _region(self) -> str | None:
        if self._lean is not None:
            return self._lean.signer.region
        return self._client.meta.region_name if self._client else self.address.region
