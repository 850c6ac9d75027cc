"""The queues and topics of a world, by name: each is made once, and what is not there says what is."""

from collections.abc import Callable, Mapping

import attrs

from loafer.adapters.memory import SCHEME
from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.queue import MemoryQueue
from loafer.adapters.memory.topic import MemoryTopic
from loafer.domain.limits import FIFO

Destination = MemoryQueue | MemoryTopic | str
"""A queue or topic, or its name."""


@attrs.define(eq=False)
class Places:
    """Makes queues and topics, and finds them again."""

    clock: Callable[[], float]
    broker: MemoryBroker = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Let nothing be there yet."""
        self.broker = MemoryBroker(clock=self.clock)

    @property
    def queues(self) -> Mapping[str, MemoryQueue]:
        """The queues by name."""
        return self.broker.queues

    def queue(
        self,
        name: str,
        visibility_timeout: float,
        max_receive_count: int | None,
        dead_letters: MemoryQueue | str | None,
    ) -> MemoryQueue:
        """Make a queue, and its dead-letter queue if need be.

        Raises:
            ValueError: there is one of that name, or one like that cannot be.

        """
        self._check_new(name)
        if (max_receive_count is None) != (dead_letters is None):
            raise ValueError(f"queue {name!r}: max_receive_count and dead_letters need each other; give both, or none")
        target = None if dead_letters is None else self._dead_letters_of(name, dead_letters)
        queue = MemoryQueue(name, visibility_timeout, max_receive_count, target, self.clock)
        self.broker.queues[name] = queue
        if target is not None:
            self.broker.queues[target.name] = target
        return queue

    def topic(self, name: str) -> MemoryTopic:
        """Make a topic.

        Raises:
            ValueError: there is something of that name.

        """
        self._check_new(name)
        return self.broker.topic(name)

    def found(self, destination: Destination) -> MemoryQueue | MemoryTopic:
        """Return what has a name, or is given itself.

        Raises:
            LookupError: there is nothing of that name.

        """
        if not isinstance(destination, str):
            return destination
        found = self.queues.get(destination, self.broker.topics.get(destination))
        if found is None:
            there = ", ".join([*self.queues, *self.broker.topics]) or "no other one"
            raise LookupError(f"there is no queue or topic {destination!r}, but {there}; create it first")
        return found

    def mistake_in_source(self, source: str) -> str | None:
        """Return why a source as settings have it is none of the queues; None: it is one."""
        if not source.startswith(SCHEME):
            return f"not in memory; give {SCHEME}NAME"
        if source.removeprefix(SCHEME) in self.queues:
            return None
        there = ", ".join(f"{SCHEME}{name}" for name in self.queues)
        return f"there is no such queue in this world; {f'give {there}' if there else 'create it first'}"

    def _check_new(self, name: str) -> None:
        """Raise ValueError if there is a queue or a topic of a name."""
        if name in self.queues:
            raise ValueError(f"there is a queue {name!r} already; it is world.queues[{name!r}]")
        if name in self.broker.topics:
            raise ValueError(f"there is a topic {name!r} already; give another name")

    def _dead_letters_of(self, name: str, given: MemoryQueue | str) -> MemoryQueue:
        """Return the dead-letter queue of a queue that is about to be made.

        Raises:
            ValueError: it cannot be that.

        """
        other = given if isinstance(given, str) else given.name
        if other == name:
            raise ValueError(f"queue {name!r} cannot be its own dead-letter queue; give another name")
        target = self.queues.get(other)
        if target is None or (target is not given and not isinstance(given, str)):
            self._check_new(other)
            target = MemoryQueue(other, clock=self.clock) if isinstance(given, str) else given
        if target.fifo != name.endswith(FIFO):
            raise ValueError(f"queue {name!r}: a FIFO queue's dead letters need a FIFO queue, and no other one's do")
        return target
