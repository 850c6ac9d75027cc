"""Workers in a storm: killed, stopped, frozen and thawed at random, always replaced; and what must hold after it."""

import json
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
from strict.hiring import hire, noted_of
from strict.strict_control import StrictEndpoint
from workers import Worker

ASKED = (0, -signal.SIGTERM)
"""How a worker ends that was asked to; the second one if it had not begun."""

PATIENCE = 20
"""Seconds in which a worker that was asked to stop must be gone."""


@attrs.define(eq=False)
class Seat:
    """One of the workers, and whoever follows it in its place.

    Attributes:
        thaws_at: When it goes on, if it is frozen; on the monotonic clock.
        leaves_by: When it must be gone, if it was asked to stop.

    """

    worker: Worker
    thaws_at: float | None = None
    leaves_by: float | None = None

    def look(self) -> None:
        """Thaw it when that is due, and replace it when it is gone."""
        now = time.monotonic()
        if self.thaws_at is not None and now >= self.thaws_at:
            self.thaw()
        status = self.worker.process.poll()
        if status is not None:
            asked = self.leaves_by is not None
            assert status in (ASKED if asked else (-signal.SIGKILL,)), f"status {status}: {self.worker.printed}"
            self.leaves_by = self.thaws_at = None
            self.worker = attrs.evolve(self.worker)
        assert self.leaves_by is None or now < self.leaves_by, f"it does not stop: {self.worker.printed}"

    def thaw(self) -> None:
        self.thaws_at = None
        self.worker.thaw()

    @property
    def calm(self) -> bool:
        return self.thaws_at is None and self.leaves_by is None


@attrs.define(eq=False)
class Storm:
    """What happens to the workers of one queue.

    Attributes:
        longest_freeze: Seconds that a worker is frozen at most.
        pause: Seconds between two events, on average.

    """

    seats: list[Seat]
    dice: random.Random
    longest_freeze: float
    pause: float

    def blow(self, endpoint: StrictEndpoint, queue: str, seconds: float) -> None:
        """Go on until the queue is empty; fail if it is not after so many seconds."""
        end = time.monotonic() + seconds
        next_event = time.monotonic() + 2
        while endpoint.left(queue):
            now = time.monotonic()
            assert now < end, f"{endpoint.counts(queue)} are left"
            if now >= next_event:
                next_event = now + self.dice.uniform(0.2, 1.8) * self.pause
                self.strike(self.dice.choice(self.seats))
            for seat in self.seats:
                seat.look()
            time.sleep(0.05)

    def strike(self, seat: Seat) -> None:
        if not seat.calm:
            return
        match self.dice.randrange(4):
            case 0:
                seat.worker.process.kill()
                seat.worker.process.wait()  # it is replaced at the next look, also when the queue is empty by then
            case 1:
                seat.worker.process.terminate()
                seat.leaves_by = time.monotonic() + PATIENCE
            case _:
                seat.worker.freeze()
                seat.thaws_at = time.monotonic() + self.dice.uniform(0.1, self.longest_freeze)


@contextmanager
def crew(folder: Path, queue: str, handler: str, options: tuple[str, ...], names: list[str]) -> Iterator[list[Seat]]:
    """Run a worker for each name, with that as its access key, in a folder of its own; their runs go to one file."""
    seats: list[Seat] = []
    try:
        for name in names:
            seats.append(Seat(hire(folder, name, queue, handler, options)))  # noqa: PERF401 - one may fail to start
        yield seats
    finally:
        for seat in seats:
            if seat.worker.process.poll() is None:
                seat.worker.process.kill()
            seat.worker.process.wait()


@attrs.frozen
class Aftermath:
    """What there is to say after a storm: nothing, if all went well.

    Attributes:
        lost: Messages that were deleted before any of their runs had succeeded, or never.
        overtaking: Runs that started before all earlier messages of their group were deleted.
        late: Runs that started after their message had been deleted.

    """

    lost: list[str]
    overtaking: list[str]
    late: list[str]
    runs: int


def aftermath(endpoint: StrictEndpoint, queue: str, folder: Path) -> Aftermath:
    """Compare the queue's history with what the workers noted: `group-number`, and `+group-number` at its success."""
    named = {event.id: _name(event.detail) for event in endpoint.history(queue, "sent")}
    deleted = {named[event.id]: event.at for event in endpoint.history(queue, "deleted")}
    noted = noted_of(folder)
    succeeded: dict[str, float] = {}
    for what, at in noted:
        if what.startswith("+"):
            succeeded.setdefault(what[1:], at)
    runs = [(what, at) for what, at in noted if not what.startswith("+")]
    never = float("inf")
    return Aftermath(
        lost=[what for what in named.values() if succeeded.get(what, never) > deleted.get(what, never)],
        overtaking=[what for what, at in runs if any(deleted.get(earlier, never) > at for earlier in _before(what))],
        late=[what for what, at in runs if at > deleted.get(what, never)],
        runs=len(runs),
    )


def _name(body: str) -> str:
    content = json.loads(body)
    return f"{content['group']}-{content['n']}"


def _before(what: str) -> list[str]:
    group, _, number = what.partition("-")
    return [f"{group}-{earlier}" for earlier in range(int(number))]
