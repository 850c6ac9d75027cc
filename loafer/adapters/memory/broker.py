"""The queues and topics in memory of one process, by name: what `memory://NAME` means."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.adapters.memory.topic import MemoryTopic

SCHEME = "memory://"


@attrs.define
class MemoryBroker:
    """Queues and topics by name, each created when it is first asked for."""

    clock: Callable[[], float] = time.monotonic
    queues: dict[str, MemoryQueue] = attrs.field(factory=dict)
    topics: dict[str, MemoryTopic] = attrs.field(factory=dict)

    def queue(self, source: str) -> MemoryQueue:
        """Return the queue of a name or of `memory://NAME`."""
        name = source.removeprefix(SCHEME)
        if name not in self.queues:
            self.queues[name] = MemoryQueue(name, clock=self.clock)
        return self.queues[name]

    def topic(self, name: str) -> MemoryTopic:
        """Return the topic of a name."""
        if name not in self.topics:
            self.topics[name] = MemoryTopic(name, clock=self.clock)
        return self.topics[name]

    def consumer(self, source: str, options: Mapping[str, Any]) -> MemoryConsumer:
        """Return a consumer of a queue; of the options of an SQS consumer it knows the wait time and the batch size."""
        return MemoryConsumer(
            self.queue(source),
            wait_time=options.get("WaitTimeSeconds", 5),
            batch_size=options.get("MaxNumberOfMessages", 10),
        )
