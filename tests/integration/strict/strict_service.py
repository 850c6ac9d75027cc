"""The operations of the strict endpoint on its queues."""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import attrs
from strict.attributes import ARN, settings_of
from strict.checks import check_batch, check_message, in_range, trace_header_in
from strict.moves import OPERATIONS, Moves
from strict.stored import INVALID, NOT_IN_FLIGHT, Answer, Refusal
from strict.strict_queue import StrictQueue, new_message

Request = dict[str, Any]
MISSING = "AWS.SimpleQueueService.NonExistentQueue"
_NAME = re.compile(r"[\w-]{1,80}|[\w-]{1,75}\.fifo", re.ASCII)


@attrs.frozen
class Caller:
    """Who calls.

    Attributes:
        name: The access key of the signature.
        gone: Tells whether the connection has been closed since.

    """

    name: str = ""
    gone: Callable[[], bool] = lambda: False


@attrs.define(eq=False)
class Place:
    """A queue, its attributes, and the polls that wait for it."""

    queue: StrictQueue
    attributes: dict[str, str]
    created_at: float
    waiting: set[asyncio.Event] = attrs.field(factory=set)

    def wake(self) -> None:
        for event in self.waiting:
            event.set()


@attrs.define(eq=False)
class StrictService:
    """All queues.

    Attributes:
        base: The endpoint's URL.
        now: Returns the time, in seconds since the epoch, for everything on the queues.
        lost_code: As which error code, and as whose fault but the sender's, a batch tells that a lease is lost, as
            localstack does; empty: as SQS does.

    """

    base: str
    now: Callable[[], float] = time.time
    lost_code: str = ""
    places: dict[str, Place] = attrs.field(factory=dict)
    moves: Moves = attrs.field(
        default=attrs.Factory(lambda self: Moves(self.find, self.is_dead, self.now), takes_self=True), init=False
    )

    async def answer(self, operation: str, request: Request, caller: Caller, fails: Callable[[], bool]) -> Answer:
        """Apply one call; `fails` is asked for each entry of a batch. Refusal is an answer that is an error."""
        match operation:
            case "CreateQueue":
                return self.create(request)
            case "ReceiveMessage":
                return await self.receive(request, caller)
        if operation in OPERATIONS:
            return self.moves.answer(operation, request)
        place = self.place(request)
        single = operation.removesuffix("Batch")
        if single != operation:
            answer = self.batch(request, lambda entry: self.entry(single, place, entry, caller, fails))
        else:
            answer = self.single(operation, place, request, caller)
        for other in self.places.values():  # a redrive changes another queue
            other.wake()
        return answer

    def entry(
        self, operation: str, place: Place, request: Request, caller: Caller, fails: Callable[[], bool]
    ) -> Answer:
        if fails():
            raise Refusal("InternalError", "We encountered an internal error. Please try again.", 500)
        return self.single(operation, place, request, caller)

    def single(self, operation: str, place: Place, request: Request, caller: Caller) -> Answer:
        now, queue = self.now(), place.queue
        match operation:
            case "SendMessage":
                return self.send(place, request, caller)
            case "DeleteMessage":
                queue.delete(request["ReceiptHandle"], now, caller.name)
            case "ChangeMessageVisibility":
                queue.change_visibility(request["ReceiptHandle"], request["VisibilityTimeout"], now, caller.name)
            case "GetQueueUrl":
                return {"QueueUrl": self.url(queue.name)}
            case "GetQueueAttributes":
                return self.attributes(place, request)
            case "SetQueueAttributes":
                changed = place.attributes | request["Attributes"]
                queue.settings, place.attributes = settings_of(queue.name, changed), changed
            case "ListDeadLetterSourceQueues":
                sources = [p.queue.name for p in self.places.values() if p.queue.settings.dead_letters == queue.name]
                return {"queueUrls": [self.url(name) for name in sources]}
            case "PurgeQueue":
                queue.purge(now, caller.name)
            case "DeleteQueue":
                del self.places[queue.name]
            case _:
                raise Refusal("UnsupportedOperation", operation)
        return {}

    def create(self, request: Request) -> Answer:
        name, attributes = request["QueueName"], dict(request.get("Attributes") or {})
        if not _NAME.fullmatch(name):
            raise Refusal(INVALID, "Can only include alphanumeric characters, hyphens, or underscores, 1 to 80")
        there = self.places.get(name)
        if there is not None and any(there.attributes.get(key) != value for key, value in attributes.items()):
            raise Refusal("QueueAlreadyExists", f"A queue {name} exists, with other attributes.")
        if there is None:
            queue = StrictQueue(name, settings_of(name, attributes), self.find)
            self.places[name] = Place(queue, attributes, self.now())
        return {"QueueUrl": self.url(name)}

    def is_dead(self, name: str) -> bool:
        return any(place.queue.settings.dead_letters == name for place in self.places.values())

    def find(self, name: str) -> StrictQueue | None:
        place = self.places.get(name)
        return place.queue if place else None

    def url(self, name: str) -> str:
        return f"{self.base}/000000000000/{name}"

    def place(self, request: Request) -> Place:
        name = request.get("QueueName") or str(request["QueueUrl"]).rpartition("/")[2]
        if name not in self.places:
            raise Refusal(MISSING, "The specified queue does not exist.")
        return self.places[name]

    async def receive(self, request: Request, caller: Caller) -> Answer:
        """Serve a poll to its end, also where the caller has gone meanwhile: what it takes then, nobody gets."""
        place = self.place(request)
        settings = place.queue.settings
        limit = in_range(request, "MaxNumberOfMessages", 1, (1, 10))
        wait = in_range(request, "WaitTimeSeconds", settings.wait, (0, 20))
        visibility = in_range(request, "VisibilityTimeout", settings.visibility, (0, 43_200))
        attempt = request.get("ReceiveRequestAttemptId", "")
        end = time.monotonic() + wait
        while True:
            if self.place(request) is not place:  # it was deleted, and there is another one of its name
                raise Refusal(MISSING, "The specified queue does not exist.")
            seconds = visibility if "VisibilityTimeout" in request else place.queue.settings.visibility
            lost = "unanswered" if caller.gone() else ""
            taken = place.queue.receive(limit, seconds, self.now(), caller.name, lost, attempt=attempt)
            left = end - time.monotonic()
            if taken or left <= 0:
                break
            await self.wait(place, left)
        system = [*request.get("MessageSystemAttributeNames", ()), *request.get("AttributeNames", ())]
        names = list(request.get("MessageAttributeNames", ()))
        return {"Messages": [message.as_received(system, names) for message in taken]} if taken else {}

    async def wait(self, place: Place, seconds: float) -> None:
        """Return once something on the queue may have changed, after so many seconds at most."""
        event = asyncio.Event()
        place.waiting.add(event)
        hidden = place.queue.next_visible(self.now())
        try:
            async with asyncio.timeout(min(seconds, 1.0, hidden if hidden is not None else 1.0) + 0.001):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            place.waiting.discard(event)

    def send(self, place: Place, request: Request, caller: Caller) -> Answer:
        queue, body = place.queue, str(request.get("MessageBody") or "")
        message = new_message(str(uuid4()), body, self.now(), request.get("DelaySeconds", queue.settings.delay))
        message.group, message.attributes = request.get("MessageGroupId"), request.get("MessageAttributes") or {}
        message.deduplication_id = request.get("MessageDeduplicationId")
        message.trace_header = trace_header_in(request)
        check_message(message, queue, request)
        if queue.fifo and message.deduplication_id is None:
            message.deduplication_id = hashlib.sha256(body.encode()).hexdigest()
        stored = queue.send(message, self.now(), caller.name)
        answer = {"MessageId": stored.id, "MD5OfMessageBody": message.md5}
        return answer | ({"SequenceNumber": f"{stored.sequence:020}"} if queue.fifo else {})

    def attributes(self, place: Place, request: Request) -> Answer:
        counts = place.queue.counts(self.now())
        known = {
            "VisibilityTimeout": str(place.queue.settings.visibility),
            "DelaySeconds": str(place.queue.settings.delay),
            "ReceiveMessageWaitTimeSeconds": str(place.queue.settings.wait),
            "MaximumMessageSize": str(place.queue.settings.largest),
            "MessageRetentionPeriod": "345600",
            **place.attributes,
            "QueueArn": ARN + place.queue.name,
            "ApproximateNumberOfMessages": str(counts["visible"]),
            "ApproximateNumberOfMessagesNotVisible": str(counts["in_flight"]),
            "ApproximateNumberOfMessagesDelayed": str(counts["delayed"]),
            "CreatedTimestamp": str(int(place.created_at)),
            "LastModifiedTimestamp": str(int(place.created_at)),
        }
        asked = request.get("AttributeNames") or []
        return {"Attributes": {name: value for name, value in known.items() if "All" in asked or name in asked}}

    def batch(self, request: Request, do: Callable[[Request], Answer]) -> Answer:
        """Do each entry of a batch."""
        check_batch(request.get("Entries") or [])
        done, failed = [], []
        for entry in request["Entries"]:
            try:
                done.append({"Id": entry["Id"], **do(entry)})
            except Refusal as error:
                code, sender = error.code, error.status < 500
                if self.lost_code and code in (INVALID, NOT_IN_FLIGHT):
                    code, sender = self.lost_code, False
                failed.append({"Id": entry["Id"], "Code": code, "SenderFault": sender, "Message": error.message})
        return ({"Successful": done} if done else {}) | ({"Failed": failed} if failed else {})
