"""What `loafer iam` does: the least policy for what a configuration calls."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import attrs
import click

from loafer.application.survey import UNREAD
from loafer.domain.facts import Place, QueueFacts, TopicFacts
from loafer.domain.permissions import Grant, of_queue_published_to, of_source, of_topic_published_to, policy_of
from loafer.domain.uses import Source, Uses
from loafer.entrypoints.commands.looked_at import looked_at, reading
from loafer.entrypoints.worker.ending import FAILED
from loafer.ports.reader import Reader

Facts = TypeVar("Facts", QueueFacts, TopicFacts)


def show_policy(
    context: click.Context, named: str | None, options: dict[str, Any], *, offline: bool, tell: Callable[[str], object]
) -> int:
    """Print the policy, tell what is not in it and why, and return the exit status.

    Raises:
        ConfigurationError: something is wrong with the settings or the application; all of it is said.

    """
    uses = looked_at(context, named, options)
    asked = Asked(uses, offline=offline)
    grants = reading(asked.grants)
    click.echo(json.dumps(policy_of(grants), indent=2))
    for line in dict.fromkeys((*uses.strangers, *asked.missing)):
        tell(line)
    return FAILED if uses.strangers or (asked.missing and not offline) else 0


@attrs.define
class Asked:
    """Finds out what the uses of a configuration need.

    Attributes:
        uses: The uses.
        offline: Whether nothing is called.
        missing: What could not be found out: a sentence each.

    """

    uses: Uses
    offline: bool = False
    missing: list[str] = attrs.field(factory=list)

    async def grants(self, reader: Reader) -> list[Grant]:
        """Return the permissions that are needed."""
        found = list[Grant]()
        for source in self.uses.sources:
            queue = await self._queue(reader, source.place)
            dead_letters = await self._dead_letters(reader, source, queue)
            found += of_source(queue, dead_letters)
        for to in self.uses.destinations:
            if to.topic:
                found += of_topic_published_to(await self._topic(reader, to.place))
            else:
                found += of_queue_published_to(await self._queue(reader, to.place))
        if self.offline:
            self.missing += ["--offline: dead-letter queues and keys are unknown, and not in the policy"]
        return found

    async def _dead_letters(self, reader: Reader, source: Source, queue: QueueFacts) -> QueueFacts | None:
        """Return the dead-letter queue that a worker moves messages to; None: it moves none, or there is none."""
        if queue.dead_letters is None or not (queue.fifo or source.moves or source.explains):
            return None
        return await self._queue(reader, attrs.evolve(source.place, text=queue.dead_letters, region=None))

    async def _queue(self, reader: Reader, place: Place) -> QueueFacts:
        from loafer.adapters.aws.facts import queue_unread  # noqa: PLC0415 - it imports the SDK

        return await self._read(reader.queue, queue_unread, place)

    async def _topic(self, reader: Reader, place: Place) -> TopicFacts:
        from loafer.adapters.aws.facts import topic_unread  # noqa: PLC0415 - it imports the SDK

        return await self._read(reader.topic, topic_unread, place)

    async def _read(
        self, read: Callable[[Place], Awaitable[Facts]], unread: Callable[[Place], Facts], place: Place
    ) -> Facts:
        if self.offline:
            return unread(place)
        try:
            facts = await read(place)
        except UNREAD as error:
            self.missing.append(f"{error}; what it needs is not known in full")
            return unread(place)
        if isinstance(facts, QueueFacts) and not facts.known:
            text = "its attributes may not be read: its dead-letter queue and its key are not in the policy"
            self.missing.append(f"queue {facts.name!r}: {text}")
        return facts
