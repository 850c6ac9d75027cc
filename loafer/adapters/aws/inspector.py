"""The inspector of an SQS queue: every call over the SDK, for here a person waits, and not a thousand messages."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import attrs
from aiohttp import ClientConnectorError
from botocore import exceptions as sdk

from loafer.adapters.aws.address import Address, queue_address
from loafer.adapters.aws.answers import count_in, mapping_in, messages_in, redrive_policy_in
from loafer.adapters.aws.batches import settle
from loafer.adapters.aws.calls import CALL_TIMEOUT, POLL_MARGIN, called
from loafer.adapters.aws.checksums import confirms
from loafer.adapters.aws.details import code_in
from loafer.adapters.aws.errors import consumer_error, is_passing, sdk_errors
from loafer.adapters.aws.queue import Queue
from loafer.adapters.aws.session import create_client, polling
from loafer.adapters.aws.wire import texts_in, wire_attributes
from loafer.domain.batch import Failure
from loafer.domain.limits import LARGEST_BATCH, LONGEST_WAIT
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.shown import without_secrets
from loafer.exceptions import ConfigurationError, ConsumerError
from loafer.ports.inspector import Inspector, Letter, MoveTask, QueueState, Unsure

CONNECTIONS = 20
"""How many calls may be under way at once."""

AT_ONCE = 100
"""How many messages are settled at once: ten calls."""

_TIMEOUTS = {"RequestTimeout", "RequestTimeoutException"}
"""What passes, and does not say that nothing was stored."""

_OF_THE_MESSAGE = {
    "InvalidAttributeValue",
    "InvalidMessageContents",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "MissingParameter",
}
"""How a queue refuses one message, and would take another."""


@attrs.define(eq=False)
class SQSInspector(Inspector):
    """Looks into the queue with a name, a URL or an ARN; ConfigurationError where it is created if it is none of them.

    Attributes:
        queue: What names it.

    """

    queue: str
    _address: Address = attrs.field(init=False)
    _stack: AsyncExitStack | None = attrs.field(init=False, default=None)
    _found: Queue | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Check what names the queue."""
        try:
            self._address = queue_address(self.queue)
        except ValueError as error:
            raise ConfigurationError(f"queue: {error}") from error

    async def open(self) -> QueueState:
        """Look the queue up; leaves nothing open if that fails."""
        await self.close()
        async with AsyncExitStack() as stack:
            try:
                made = create_client("sqs", self._address.region, polling(LONGEST_WAIT, CONNECTIONS))
                client = await stack.enter_async_context(made)
            except sdk_errors() as error:
                told = consumer_error(error, f"queue {self._address.name!r}", self._address.region)
            else:
                self._found = await Queue(self._address, client).found()
                state = await self.look()
                self._stack = stack.pop_all()
                return state
        raise told

    async def look(self) -> QueueState:
        """Ask for all attributes."""
        queue = self._need()
        said = await queue.read(partial(mapping_in, name="Attributes"), "get_queue_attributes", AttributeNames=["All"])
        _, target = redrive_policy_in(said)
        return QueueState(
            name=self._address.name,
            place=without_secrets(queue.url),
            ordered=self._address.ordered,
            visible=count_in(said, "ApproximateNumberOfMessages"),
            hidden=count_in(said, "ApproximateNumberOfMessagesNotVisible"),
            delayed=count_in(said, "ApproximateNumberOfMessagesDelayed"),
            retention=count_in(said, "MessageRetentionPeriod") or None,
            dead_letters=None if target is None else queue_address(target).name,
            arn=str(said["QueueArn"]) if said.get("QueueArn") else None,
        )

    async def sources(self) -> Sequence[str]:
        """Ask for them page by page."""
        queue, names, more = self._need(), list[str](), dict[str, Any]()
        while True:
            answer = await queue.call("list_dead_letter_source_queues", **more)
            names += [str(url).rstrip("/").rpartition("/")[2] for url in answer.get("queueUrls") or ()]
            if not answer.get("NextToken"):
                return names
            more = {"NextToken": answer["NextToken"], "MaxResults": 1000}

    async def browse(self, limit: int, hidden_for: float, wait: float) -> Sequence[Letter]:
        """Receive once, with all attributes."""
        most = min(limit, LARGEST_BATCH)
        return await self._need().read(
            partial(_letters_in, source=self._address.name, most=most),
            "receive_message",
            within=wait + POLL_MARGIN,
            MaxNumberOfMessages=most,
            VisibilityTimeout=round(hidden_for),
            WaitTimeSeconds=round(wait),
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )

    async def release(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Make them visible with ChangeMessageVisibilityBatch."""
        return await self.extend(messages, 0)

    async def extend(self, messages: Sequence[Message], hidden_for: float) -> Sequence[Failure | None]:
        """Hide them with ChangeMessageVisibilityBatch."""
        seconds = round(hidden_for)
        entries = [{"ReceiptHandle": message.receipt, "VisibilityTimeout": seconds} for message in messages]
        return await self._settle("change_message_visibility_batch", entries)

    async def send(self, message: OutgoingMessage) -> str | Failure | Unsure:
        """Send it with SendMessage, and compare what SQS says that it got."""
        queue = self._need()
        optional = {
            "MessageAttributes": wire_attributes(message.attributes),
            "MessageGroupId": message.group,
            "MessageDeduplicationId": message.deduplication_id,
        }
        given = {name: value for name, value in optional.items() if value}
        parameters = {"QueueUrl": queue.url, "MessageBody": message.body, **given}
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                answer = await called(queue.client, "send_message", parameters)
        except sdk_errors() as error:
            told = consumer_error(error, queue.place, queue.region, texts_in(parameters))
            found = _what_became(error, str(told), fatal=isinstance(told, ConsumerError))
        else:
            copy = answer.get("MessageId")
            if isinstance(copy, str) and copy and confirms(answer, message):
                return copy
            return Unsure(f"{queue.place} did not confirm the message as it was sent")
        if found is None:
            raise told  # without what the SDK raised: its text may repeat what was signed and sent
        return found

    async def delete(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Delete them with DeleteMessageBatch."""
        return await self._settle("delete_message_batch", [{"ReceiptHandle": message.receipt} for message in messages])

    async def start_move(self, to: QueueState, rate: int | None) -> None:
        """Start it with StartMessageMoveTask."""
        state = await self.look()
        rates = {} if rate is None else {"MaxNumberOfMessagesPerSecond": rate}
        await self._of_queue("start_message_move_task", SourceArn=state.arn, DestinationArn=to.arn, **rates)

    async def last_move(self) -> MoveTask | None:
        """Ask for the newest with ListMessageMoveTasks."""
        state = await self.look()
        answer = await self._of_queue("list_message_move_tasks", SourceArn=state.arn, MaxResults=1)
        for task in answer.get("Results") or ():
            return MoveTask(
                handle=str(task.get("TaskHandle") or ""),
                status=str(task.get("Status") or ""),
                moved=count_in(task, "ApproximateNumberOfMessagesMoved"),
                total=count_in(task, "ApproximateNumberOfMessagesToMove"),
                reason=str(task.get("FailureReason") or ""),
            )
        return None

    async def cancel_move(self, task: MoveTask) -> None:
        """Cancel it with CancelMessageMoveTask."""
        await self._of_queue("cancel_message_move_task", TaskHandle=task.handle)

    async def _of_queue(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to an operation that names its queue by ARN, not by URL; raises as `Queue.call`."""
        return await attrs.evolve(self._need(), url="").call(operation, **parameters)

    async def close(self) -> None:
        """Let go of the client; may be repeated."""
        stack, self._stack, self._found = self._stack, None, None
        if stack is not None:
            await stack.aclose()

    def _need(self) -> Queue:
        if self._found is None:
            raise ConsumerError(f"queue {self._address.name!r}: the inspector is not open")
        return self._found

    async def _settle(self, operation: str, entries: Sequence[dict[str, Any]]) -> list[Failure | None]:
        queue = self._need()
        results: list[Failure | None] = []
        for start in range(0, len(entries), AT_ONCE):
            some = entries[start : start + AT_ONCE]
            results += await settle(lambda chunk: queue.call(operation, Entries=chunk), some)
        return results


def _what_became(error: Exception, sentence: str, *, fatal: bool) -> Failure | Unsure | None:
    """Return what came of a send that raised; None: the queue takes nothing at all."""
    code = code_in(error.response) if isinstance(error, sdk.ClientError) else ""
    if code in _OF_THE_MESSAGE:
        return Failure(sentence, retryable=False)
    if fatal:
        return None
    return Failure(sentence) if _not_stored(error, code) else Unsure(sentence)


def _not_stored(error: Exception, code: str) -> bool:
    """Tell whether a send that may succeed later has certainly stored nothing: it never went out, or was throttled."""
    if isinstance(error, sdk.ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return is_passing(code) and code not in _TIMEOUTS and status < 500  # noqa: PLR2004 - what fails may be stored
    if isinstance(error, sdk.EndpointConnectionError):  # raised for connections that are reset, too
        return isinstance(error.kwargs.get("error"), ClientConnectorError)
    return isinstance(error, sdk.ConnectTimeoutError)


def _letters_in(answer: Mapping[str, Any], source: str, most: int) -> list[Letter]:
    messages = messages_in(answer, source, most)
    entries = [entry for entry in answer.get("Messages") or () if isinstance(entry, dict)]
    system = {entry.get("ReceiptHandle"): entry.get("Attributes") or {} for entry in entries}
    return [Letter(message, _origin_in(system.get(message.receipt) or {})) for message in messages]


def _origin_in(system: Mapping[str, Any]) -> str | None:
    try:
        return queue_address(str(system["DeadLetterQueueSourceArn"])).name
    except (KeyError, ValueError):
        return None
