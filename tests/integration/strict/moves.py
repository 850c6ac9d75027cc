"""SQS's own redrive: one task a queue, which moves what is visible, each under a new id, at a rate.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import attrs
from strict.attributes import ARN
from strict.stored import INVALID, Answer, Refusal
from strict.strict_queue import StrictQueue

OPERATIONS = ("StartMessageMoveTask", "ListMessageMoveTasks", "CancelMessageMoveTask")
MISSING = "ResourceNotFoundException"


@attrs.define(eq=False)
class Move:
    source: StrictQueue
    target: StrictQueue
    rate: int
    handle: str
    started: int
    total: int
    moved: int = 0
    status: str = "RUNNING"

    def told(self) -> Answer:
        running = {"TaskHandle": self.handle} if self.status == "RUNNING" else {}
        return running | {
            "Status": self.status,
            "SourceArn": ARN + self.source.name,
            "DestinationArn": ARN + self.target.name,
            "MaxNumberOfMessagesPerSecond": self.rate,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.total,
            "StartedTimestamp": self.started,
        }

    async def run(self, now: Callable[[], float]) -> None:
        while self.status == "RUNNING":
            visible = [each for each in self.source.stored.values() if each.visible_at <= now()]
            if not visible:
                self.status = "COMPLETED"
                return
            message = visible[0]
            del self.source.stored[message.id]
            at = now()
            self.target.store(
                attrs.evolve(message, id=str(uuid4()), sent_at=at, visible_at=at, receives=0, receipt=""), at
            )
            self.moved += 1
            await asyncio.sleep(1 / self.rate)
        self.status = "CANCELLED"


@attrs.define(eq=False)
class Moves:
    """All tasks, by the name of their source, the newest first."""

    find: Callable[[str], StrictQueue | None]
    is_dead: Callable[[str], bool]
    now: Callable[[], float]
    tasks: dict[str, list[Move]] = attrs.field(factory=dict)
    running: "set[asyncio.Task[None]]" = attrs.field(factory=set)

    def answer(self, operation: str, request: dict[str, Any]) -> Answer:
        if operation == "CancelMessageMoveTask":
            return self.cancel(request["TaskHandle"])
        source = self._found(request["SourceArn"])
        if operation == "ListMessageMoveTasks":
            newest = self.tasks.get(source.name, [])[: request.get("MaxResults", 1)]
            return {"Results": [move.told() for move in newest]}
        return self.start(source, request)

    def start(self, source: StrictQueue, request: dict[str, Any]) -> Answer:
        rate = request.get("MaxNumberOfMessagesPerSecond", 500)
        if not 1 <= rate <= 500:
            raise Refusal(INVALID, f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid.")
        if not self.is_dead(source.name):
            raise Refusal(INVALID, "Source queue must be configured as a Dead Letter Queue.")
        if any(move.status == "RUNNING" for move in self.tasks.get(source.name, [])):
            raise Refusal("UnsupportedOperation", "There is already a task running. Only one active task is allowed.")
        target = self._found(request["DestinationArn"])
        move = Move(source, target, rate, str(uuid4()), int(self.now() * 1000), len(source.stored))
        self.tasks.setdefault(source.name, []).insert(0, move)
        task = asyncio.get_running_loop().create_task(move.run(self.now))
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return {"TaskHandle": move.handle}

    def cancel(self, handle: str) -> Answer:
        for moves in self.tasks.values():
            for move in moves:
                if move.handle == handle and move.status == "RUNNING":
                    move.status = "CANCELLING"
                    return {"ApproximateNumberOfMessagesMoved": move.moved}
        raise Refusal(MISSING, "Task does not exist.", 404)

    def _found(self, arn: str) -> StrictQueue:
        queue = self.find(arn.removeprefix(ARN))
        if queue is None:
            raise Refusal(MISSING, "The resource that you specified for the SourceArn parameter doesn't exist.", 404)
        return queue
