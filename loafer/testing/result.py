"""What happened in a run: written down while it goes on, and asked by the test afterwards."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application import delivery as application
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.testing.delivery import Delivery, seen
from loafer.testing.sending import content_in


@attrs.frozen(repr=False)
class Result:
    """What came of a run. Of each message its content is shown, or its body where it was not translated.

    Attributes:
        deliveries: Every delivery, in the order in which they ended.
        delayed: What was given back to its queue for later, each with its delay in seconds.
        dead_lettered: What arrived on dead-letter queues.
        published: What was published through the world meanwhile, each with the name of the queue or topic.
        left: What is on each queue now, by the queue's name.
        seconds: How long it took, in virtual seconds.
        crashes: How often the worker died of a fault.

    """

    deliveries: Sequence[Delivery]
    delayed: Sequence[tuple[Any, float]]
    dead_lettered: Sequence[Any]
    published: Sequence[tuple[str, Any]]
    left: Mapping[str, Sequence[Any]]
    seconds: float
    crashes: int = 0

    @property
    def outcomes(self) -> list[str]:
        """How each delivery ended: `succeeded`, `rejected`, `ignored`, `failed` or `untranslated`."""
        return [delivery.outcome.value for delivery in self.deliveries]

    @property
    def acknowledged(self) -> list[Any]:
        """What was handled, or rejected, and deleted by that; once a delivery."""
        return [delivery.said for delivery in self.deliveries if delivery.acknowledged]

    @property
    def rejected(self) -> list[Any]:
        """What its handler rejected."""
        return [delivery.said for delivery in self.deliveries if delivery.outcome is Outcome.REJECTED]

    @property
    def kept(self) -> list[Any]:
        """What stayed on its queue after a delivery; once a delivery."""
        return [delivery.said for delivery in self.deliveries if not delivery.acknowledged]

    @property
    def errors(self) -> list[BaseException]:
        """What translators and handlers raised."""
        return [delivery.error for delivery in self.deliveries if delivery.error is not None]

    def of(self, route: str) -> "Result":
        """Return the same of one route: its deliveries, and what was given back of them."""
        deliveries = tuple(delivery for delivery in self.deliveries if delivery.route == route)
        said = [delivery.said for delivery in deliveries]
        return attrs.evolve(self, deliveries=deliveries, delayed=[each for each in self.delayed if each[0] in said])

    def __repr__(self) -> str:
        """Return one line that reads well in a failed assert."""
        counts = ", ".join(f"{number} {outcome}" for outcome, number in Counter(self.outcomes).items())
        left = ", ".join(f"{len(contents)} on {name}" for name, contents in self.left.items() if contents)
        return f"<Result: {counts or 'nothing delivered'}; left: {left or 'nothing'}; {self.seconds:.1f} virtual s>"


@attrs.define(eq=False)
class Journal:
    """Writes down what happens in one run.

    Attributes:
        clock: Virtual seconds.
        queues: All queues, by name.
        zero: The time from which deliveries are counted.
        turn: Set whenever something happened, for whoever waits for the end.

    """

    clock: Callable[[], float]
    queues: Mapping[str, MemoryQueue]
    zero: float = 0.0
    deliveries: list[Delivery] = attrs.field(factory=list, init=False)
    delayed: list[tuple[object, float]] = attrs.field(factory=list, init=False)
    crashes: int = attrs.field(default=0, init=False)
    turn: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _began: float = attrs.field(init=False)
    _dead_before: dict[str, set[str]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin."""
        self.begin()

    def begin(self) -> None:
        """Look at what is there before, and forget what was written down."""
        self.deliveries, self.delayed, self.crashes = [], [], 0
        self._began = self.clock()
        self._dead_before = {queue.name: set(queue.messages) for queue in self._dead_letter_queues()}

    def delivered(self, received: int) -> int:
        """Return how many receives or runs there were, whichever are more: a message may run again in its place."""
        return max(received, len(self.deliveries))

    def ended(self, delivery: application.Delivery) -> None:
        """Note that a delivery has ended."""
        self.deliveries.append(seen(delivery, self.clock() - self.zero))
        self.turn.set()

    def released(self, message: Message, delay: float) -> None:
        """Note that a message was given back, and for how long."""
        if delay > 0:
            last = next((d.said for d in reversed(self.deliveries) if d.message.id == message.id), message.body)
            self.delayed.append((last, delay))

    def result(self, published: Sequence[tuple[str, object]]) -> Result:
        """Return what came of it, and of what was published meanwhile."""
        dead = [
            content_in(message.body)
            for queue in self._dead_letter_queues()
            for message_id, message in queue.messages.items()
            if message_id not in self._dead_before.get(queue.name, ())
        ]
        left = {
            name: [content_in(sent.body) for sent in queue.messages.values()] for name, queue in self.queues.items()
        }
        return Result(
            tuple(self.deliveries), self.delayed, dead, published, left, self.clock() - self._began, self.crashes
        )

    def _dead_letter_queues(self) -> list[MemoryQueue]:
        targets = {id(q.dead_letters): q.dead_letters for q in self.queues.values() if q.dead_letters is not None}
        return list(targets.values())
