"""A look at a set-up from outside: what a reader says of it, judged by the rules."""

from collections.abc import Mapping

import attrs

from loafer.domain.checks.finding import Finding, Level
from loafer.domain.checks.queue import of_queue, of_redrive, of_visibility
from loafer.domain.checks.topic import of_senders, of_subscription, topics_let
from loafer.domain.checks.worker import of_clock, of_endpoint, of_handling, of_permissions, of_stop, of_threads
from loafer.domain.facts import QueueFacts
from loafer.domain.shown import without_secrets
from loafer.domain.uses import Destination, Source, Uses
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable, PublisherError
from loafer.ports.reader import Reader

UNREAD = (ConsumerError, ConsumerUnavailable, PublisherError)
"""What a reader raises where something cannot be read, each in one sentence."""

ASSUMED_VISIBILITY = 30
"""Seconds that a worker asks for where it does not know the queue's own visibility timeout, or that is none."""


@attrs.frozen(kw_only=True)
class Survey:
    """Looks at all that a configuration uses.

    Attributes:
        reader: Reads it.
        probes: Whether calls that could do no harm are made, to see whether they are allowed.
        stop_timeout: Seconds that the platform gives a stop; None: nobody says.
        p99: What all but one in a hundred handlings took at most, by source; from the workers of this machine.

    """

    reader: Reader
    probes: bool = False
    stop_timeout: float | None = None
    p99: Mapping[str, float] = attrs.field(factory=dict)

    async def findings(self, uses: Uses) -> dict[str, list[Finding]]:
        """Return what was found, by what it was found of: each source, each destination, and the worker."""
        found = dict[str, list[Finding]]()
        for source in uses.sources:
            found.setdefault(without_secrets(source.place.text), []).extend(await self._of_source(source))
        for to in uses.destinations:
            found.setdefault(without_secrets(to.place.text), []).append(await self._of_destination(to))
        worker = [Finding(Level.UNKNOWN, "consumer", text) for text in uses.strangers]
        worker.append(of_stop(uses.grace_period, self.stop_timeout))
        if uses.threads_needed:
            worker.append(of_threads(uses.threads_needed, uses.threads))
        return {**found, "worker": worker}

    async def _of_source(self, source: Source) -> list[Finding]:
        try:
            queue = await self.reader.queue(source.place)
        except UNREAD as error:
            about = "permissions" if isinstance(error, AccessDenied) else "queue"
            return [Finding(Level.ERROR, about, str(error))]
        found = [*of_queue(queue)]
        if queue.known:
            visibility = source.visibility or queue.visibility_timeout or ASSUMED_VISIBILITY
            found += await self._of_redrive(source, queue)
            found += of_visibility(source.visibility or queue.visibility_timeout or 0)
            found.append(of_handling(self.p99.get(without_secrets(source.place.text)), visibility))
            found += of_senders(queue)
            found += await self._of_topics(source, queue)
        probed = await self.reader.probe(source.place, queue) if self.probes else None
        moves = queue.dead_letters is not None and (queue.fifo or source.explains or source.moves is not None)
        found += of_permissions(probed, str(queue.dead_letters).rpartition(":")[2] if moves else None)
        if queue.skew is not None:
            found.append(of_clock(queue.skew))
        return [*found, of_endpoint(queue.endpoint, queue.region)]

    async def _of_redrive(self, source: Source, queue: QueueFacts) -> list[Finding]:
        dead, missing = None, None
        if queue.dead_letters is not None:
            try:
                dead = await self.reader.queue(attrs.evolve(source.place, text=queue.dead_letters, region=None))
            except AccessDenied:
                text = f"{queue.dead_letters.rpartition(':')[2]} may not be read: its retention is not known"
                return [*of_redrive(queue, None, None, source.moves), Finding(Level.UNKNOWN, "retention", text)]
            except ConsumerUnavailable as error:
                unknown = Finding(Level.UNKNOWN, "retention", f"of the dead-letter queue: {error}")
                return [*of_redrive(queue, None, None, source.moves), unknown]
            except UNREAD as error:
                missing = str(error)
        return list(of_redrive(queue, dead, missing, source.moves))

    async def _of_topics(self, source: Source, queue: QueueFacts) -> list[Finding]:
        topics, translating = topics_let(queue), source.translating
        if not topics and not translating.opens:
            return []
        try:
            subscriptions = await self.reader.subscriptions(source.place, queue, topics)
        except UNREAD as error:
            return [Finding(Level.UNKNOWN, "subscriptions", str(error))]
        if not subscriptions:
            text = f"none, though {'its policy lets a topic send' if topics else f'{translating.name} expects one'}"
            return [Finding(Level.WARN, "subscriptions", f"{text}; subscribe it")]
        return [each for one in subscriptions for each in of_subscription(queue, one, translating)]

    async def _of_destination(self, to: Destination) -> Finding:
        about = "publishes to"
        try:
            found = await (self.reader.topic if to.topic else self.reader.queue)(to.place)
        except UNREAD as error:
            return Finding(Level.ERROR, about, str(error))
        return Finding(Level.OK, about, f"{'topic' if to.topic else 'queue'} {found.name}")
