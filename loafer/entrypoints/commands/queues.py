"""What `loafer queues` does: a table of what waits, once or again and again."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import attrs
import click

from loafer.application.queues import Look, Waiting, looked, looked_at, waiting
from loafer.application.survey import UNREAD
from loafer.domain.checks.finding import lasting
from loafer.domain.facts import Place
from loafer.domain.uses import Uses
from loafer.entrypoints.commands.looked_at import reading
from loafer.entrypoints.commands.screen import Toned, columns, table
from loafer.entrypoints.commands.status import found_workers, paths_set
from loafer.exceptions import ConsumerError, ConsumerUnavailable
from loafer.ports.reader import Reader

HEAD = ("queue", "waiting", "in flight", "delayed", "oldest", "in/s", "out/s", "net/s", "empty in", "dead letters")
AGES_EVERY = 60.0
"""Seconds between two questions for ages."""

AGAIN = "\x1b[H\x1b[2J"
"""What clears a terminal."""

DONE = ("succeeded", "rejected", "dead_lettered")
"""The counts of a worker that stand for messages which are no longer on their queue."""


@attrs.frozen
class Asked:
    """What was asked for.

    Attributes:
        prefix: How the names of the queues begin.
        interval: Seconds between two looks; 0: one look, and no rates.
        watch: Whether to go on until Ctrl-C.
        as_json: Whether it is printed as JSON, an object a line.
        ages: Whether CloudWatch is asked how old the oldest messages are.
        places: The queues that are looked at; None: all of the account and the region.

    """

    prefix: str = ""
    interval: float = 5.0
    watch: bool = False
    as_json: bool = False
    ages: bool = False
    places: Sequence[Place] | None = None


def queues_of(uses: Uses) -> list[Place]:
    """Return the queues that a configuration uses: those that it receives from, and those that it publishes to."""
    published = [to.place for to in uses.destinations if not to.topic]
    return list(dict.fromkeys([*(source.place for source in uses.sources), *published]))


def show_queues(asked: Asked, *, terminal: bool, show: Callable[[str], object] = click.echo) -> None:
    """Print what waits; while it is watched, a look that fails is told, and the next one is waited for.

    Raises:
        ConsumerError: the queues cannot be listed.

    """
    with suppress(KeyboardInterrupt):  # which is how watching ends
        try:
            reading(partial(_show, asked, terminal=terminal, show=show))
        except ConsumerUnavailable as error:
            told = ConsumerError(str(error))
        else:
            return
        raise told


async def _show(asked: Asked, reader: Reader, *, terminal: bool, show: Callable[[str], object]) -> None:
    told = set[str]()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            click.echo(f"loafer: {text}", err=True)

    before, ages = await _Look.at(reader, asked, tell), _Ages(reader, tell)
    while True:
        now = before
        if asked.interval:
            await asyncio.sleep(asked.interval)
            try:
                now = await _Look.at(reader, asked, tell)
            except UNREAD as error:
                if not asked.watch:
                    raise
                click.echo(f"loafer: {error}", err=True)
                continue
        rows = now.since(before, asked.prefix)
        if asked.ages:
            rows = await ages.beside(rows)
        text = _text(rows, asked, width=columns())
        show(AGAIN + text if asked.watch and terminal and not asked.as_json else text)
        if not asked.watch:
            return
        before = now


@attrs.frozen
class _Look:
    """What queues were at a time, and how many messages of each the workers of this machine were done with."""

    queues: Look
    done: Counter[str]
    when: float

    @classmethod
    async def at(cls, reader: Reader, asked: Asked, tell: Callable[[str], object]) -> "_Look":
        """Look."""
        found = looked(reader, asked.prefix) if asked.places is None else looked_at(asked.places, reader, tell)
        return cls(await found, _done(), time.monotonic())

    def since(self, before: "_Look", prefix: str) -> list[Waiting]:
        """Return what waits, and how that changed."""
        meanwhile = {name: max(0, number - before.done[name]) for name, number in self.done.items()}
        return waiting(before.queues, self.queues, self.when - before.when, meanwhile, prefix)


@attrs.define
class _Ages:
    """How old the oldest messages are: asked once a minute, for nobody knows more, and each question is billed."""

    reader: Reader
    tell: Callable[[str], object]
    _known: Mapping[str, float] = attrs.field(factory=dict, init=False)
    _asked: float = attrs.field(default=-AGES_EVERY, init=False)

    async def beside(self, rows: Sequence[Waiting]) -> list[Waiting]:
        """Return the rows with their ages; that these cannot be had is told."""
        if time.monotonic() - self._asked >= AGES_EVERY:
            try:
                self._known = await self.reader.ages([row.name for row in rows])
            except UNREAD as error:
                self._known = {}
                self.tell(f"how old messages are is not known: {error}")
            self._asked = time.monotonic()
        return [attrs.evolve(row, age=self._known.get(row.name)) for row in rows]


def _done() -> Counter[str]:
    """Return how many messages the workers of this machine are done with, by the names of their queues."""
    done = Counter[str]()
    for worker in found_workers(paths_set(), time.time()):
        for route in worker["routes"]:
            name = route["source"].rstrip("/").replace(":", "/").rpartition("/")[2]
            done[name] += sum(route["counts"].get(count, 0) for count in DONE)
    return done


def _text(rows: Sequence[Waiting], asked: Asked, width: int) -> str:
    if asked.as_json:
        return json.dumps({"at": time.time(), "queues": [attrs.asdict(row) for row in rows]})
    if not rows:
        return f"no queue whose name begins with {asked.prefix!r}" if asked.prefix else "no queue"
    return shown(rows, width, ages=asked.ages)


def shown(rows: Sequence[Waiting], width: int, *, ages: bool = False) -> str:
    """Return the table; columns of which nothing is known are left out, and long names cut where it is too wide."""
    cells = [_cells(row, ages=ages) for row in rows]
    used = [column for column in range(len(HEAD)) if column < 2 or any(str(row[column]) for row in cells)]  # noqa: PLR2004 - the queue and what waits
    kept = [[row[column] for column in used] for row in cells]
    return table([HEAD[column] for column in used], kept, width=width)


def _cells(row: Waiting, *, ages: bool) -> list[object]:
    if row.visible is None:
        return [row.name, Toned("may not be read", "doubtful"), *[""] * (len(HEAD) - 2)]
    letters = "" if row.dead_letters is None else f"{'?' if row.dead is None else row.dead} in {row.dead_letters}"
    into, out, net = ("" if rate is None else _rate(rate) for rate in (row.into, row.out, row.net))
    eta = "" if row.eta is None else lasting(max(1, round(row.eta)))
    grows = Toned(net, "doubtful" if row.net is not None and row.net > 0 else "")
    dead = Toned(letters, "bad" if row.dead else "")
    age = "" if not ages else lasting(round(row.age)) if row.age is not None else Toned("-", "faint")
    return [row.name, row.visible, row.in_flight or "", row.delayed or "", age, into, out, grows, eta, dead]


def _rate(rate: float) -> float:
    exact = round(rate, 1)
    return round(rate) if abs(rate) >= 10 or exact == round(exact) else exact  # noqa: PLR2004 - no more is known
