"""What waits on many queues, and how that changes: two looks at them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import attrs

from loafer.domain.facts import Place, QueueFacts
from loafer.exceptions import ConsumerError, ConsumerUnavailable
from loafer.ports.reader import Reader

AT_ONCE = 20
"""Queues that are asked at the same time."""

Look = Mapping[str, QueueFacts]
"""What queues are at one time, by their ARNs."""


@attrs.frozen(kw_only=True)
class Waiting:
    """What waits on a queue; a rate is messages a second, and None where it is not known.

    Attributes:
        name: The queue's name.
        visible: About how many messages wait; None: nobody may know.
        in_flight: About how many are received and not yet deleted.
        delayed: About how many are not yet shown.
        net: By how many a second there are more, or less.
        out: How many a second the workers of this machine are done with.
        into: How many a second come, if these are all its workers.
        eta: Seconds until it is empty, if it goes on so; None: it does not become empty.
        age: Seconds since its oldest message was sent; None: nobody has asked, or told.
        dead_letters: The name of its dead-letter queue; None: it has none.
        dead: About how many messages wait there.

    """

    name: str
    visible: int | None
    in_flight: int = 0
    delayed: int = 0
    net: float | None = None
    out: float | None = None
    into: float | None = None
    eta: float | None = None
    age: float | None = None
    dead_letters: str | None = None
    dead: int | None = None


async def looked(reader: Reader, prefix: str) -> Look:
    """Return what the queues are whose names begin so, and their dead-letter queues; those that are gone are left out.

    Raises:
        ConsumerError, ConsumerUnavailable: the list of queues cannot be had.

    """
    return await looked_at([Place(text=url) for url in await reader.queues(prefix)], reader)


async def looked_at(places: Iterable[Place], reader: Reader, tell: Callable[[str], object] = str) -> Look:
    """Return what queues are, and their dead-letter queues; what cannot be read is left out, and `tell` is told why."""
    found = await _all(reader, places, tell)
    named = {facts.dead_letters: place for place, facts in found.values() if facts.dead_letters is not None}
    letters = [attrs.evolve(named[arn], text=arn, region=None) for arn in sorted(named.keys() - found.keys())]
    return {arn: facts for arn, (_, facts) in {**found, **await _all(reader, letters, str)}.items()}


async def _all(
    reader: Reader, places: Iterable[Place], tell: Callable[[str], object]
) -> dict[str, tuple[Place, QueueFacts]]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(place: Place) -> tuple[Place, QueueFacts] | None:
        async with turns:
            try:
                return place, await reader.queue(place)
            except (ConsumerError, ConsumerUnavailable) as error:
                tell(str(error))
                return None

    found = await asyncio.gather(*(one(place) for place in places))
    return {each[1].arn: each for each in found if each is not None}


def waiting(before: Look, now: Look, seconds: float, done: Mapping[str, float], prefix: str = "") -> list[Waiting]:
    """Return what waits now, by name; two looks so many seconds apart tell how it changes.

    `done` says by queue name how many messages the workers of this machine were done with meanwhile.
    """
    listed = [facts for facts in now.values() if facts.name.startswith(prefix)]
    return [
        _of(facts, before.get(facts.arn), seconds, done.get(facts.name), now)
        for facts in sorted(listed, key=lambda each: each.name)
    ]


def _of(facts: QueueFacts, before: QueueFacts | None, seconds: float, done: float | None, now: Look) -> Waiting:
    dead = now.get(facts.dead_letters or "")
    letters = None if facts.dead_letters is None else facts.dead_letters.rpartition(":")[2]
    if not facts.known:
        return Waiting(name=facts.name, visible=None)
    changes = before is not None and before.known and seconds > 0
    net = (_total(facts) - _total(before)) / seconds if changes and before is not None else None
    out = None if done is None or seconds <= 0 else done / seconds
    return Waiting(
        name=facts.name,
        visible=facts.visible,
        in_flight=facts.in_flight,
        delayed=facts.delayed,
        net=net,
        out=out,
        into=None if net is None or out is None else max(0.0, net + out),
        eta=_total(facts) / -net if net is not None and net < 0 and _total(facts) else None,
        dead_letters=letters,
        dead=dead.visible + dead.in_flight + dead.delayed if dead is not None and dead.known else None,
    )


def _total(facts: QueueFacts) -> int:
    return facts.visible + facts.in_flight + facts.delayed
