"""The queues and topics in memory of one process, by name: what `memory://NAME` means."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from loafer.adapters.memory import SCHEME
from loafer.adapters.memory.clock import steady_time
from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.adapters.memory.topic import MemoryTopic
from loafer.exceptions import ConfigurationError

_OPTIONS = (
    "WaitTimeSeconds", "MaxNumberOfMessages", "VisibilityTimeout",
    "AttributeNames", "MessageAttributeNames", "MessageSystemAttributeNames",
)  # fmt: skip
"""The options of an SQS consumer; most say nothing here, but a misspelt one would say nothing anywhere."""


@attrs.define
class MemoryBroker:
    """Queues and topics by name, each created when it is first asked for."""

    clock: Callable[[], float] = steady_time
    queues: dict[str, MemoryQueue] = attrs.field(factory=dict)
    topics: dict[str, MemoryTopic] = attrs.field(factory=dict)

    def queue(self, source: str) -> MemoryQueue:
        """Return the queue of a name or of `memory://NAME`."""
        name = source.removeprefix(SCHEME)
        if name not in self.queues:
            self.queues[name] = MemoryQueue(name, clock=self.clock)
        return self.queues[name]

    def topic(self, name: str) -> MemoryTopic:
        """Return the topic of a name or of `memory://NAME`."""
        name = name.removeprefix(SCHEME)
        if name not in self.topics:
            self.topics[name] = MemoryTopic(name, self.clock, self.queues)
        return self.topics[name]

    def consumer(self, source: str, options: Mapping[str, Any]) -> MemoryConsumer:
        """Return a consumer of a queue; of the options of an SQS consumer it knows the wait time and the batch size.

        Raises:
            ConfigurationError: one of the two is no number, or an option is none of an SQS consumer's.

        """
        unknown = [name for name in options if name not in _OPTIONS]
        if unknown:
            from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

            near = [get_close_matches(name, _OPTIONS, n=1, cutoff=0.0)[0] for name in unknown]
            told = [
                f"consumer option {a}: unknown; the nearest known one is {b}"
                for a, b in zip(unknown, near, strict=True)
            ]
            raise ConfigurationError("\n".join(told))
        wait_time, batch_size = options.get("WaitTimeSeconds", 5), options.get("MaxNumberOfMessages", 10)
        if not isinstance(wait_time, int | float) or wait_time < 0:
            raise ConfigurationError(f"WaitTimeSeconds={wait_time!r} is no number of seconds; give 0 to 20")
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigurationError(f"MaxNumberOfMessages={batch_size!r} is no number of messages; give 1 to 10")
        return MemoryConsumer(self.queue(source), wait_time, batch_size)
