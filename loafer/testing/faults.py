"""Seeded faults: what goes wrong, how often, and when; the same seed, the same faults."""

import asyncio
import math
import random
from collections import Counter, defaultdict

import attrs

from loafer.domain.message import Message
from loafer.testing.clock import VirtualLoop
from loafer.testing.seeds import SEED, check_seed

__all__ = ["SEED", "Chance", "Faults", "Life", "tasks_but"]

_SOONEST = 1e-6
"""Virtual seconds after a receive that a crash by time comes at the earliest: the handlers have just started."""

_MOST_STEPS = 200
"""Steps after a receive that a crash by steps comes at the latest; longer handlers are struck by time, too."""


def _rate() -> float:
    return attrs.field(default=0.0, validator=[attrs.validators.ge(0), attrs.validators.le(1)], kw_only=True)


@attrs.frozen
class Faults:
    """How often what goes wrong; rates are from 0, never, to 1, always.

    Attributes:
        seed: Decides when; None leaves it to LOAFER_TEST_SEED, or to chance.
        duplicates: Share of received messages that come once more, within a visibility timeout, deleted or not.
        reordering: Share of receives whose messages come in another order.
        partial_failures: Share of entries that fail in an acknowledgement, a release or an extension.
        throttling: Share of calls that the queue refuses for now.
        lost_acknowledgements: Share of acknowledged messages that the queue confirms and does not delete.
        crash: Share of receives, acknowledgements and releases at which, or some time after which, the worker dies.

    """

    seed: int | None = attrs.field(default=None, validator=check_seed)
    duplicates: float = _rate()
    reordering: float = _rate()
    partial_failures: float = _rate()
    throttling: float = _rate()
    lost_acknowledgements: float = _rate()
    crash: float = _rate()


@attrs.define(eq=False)
class Life:
    """The life of one worker; once it is over, nothing that the worker still does reaches a queue.

    Attributes:
        keeper: The task that looks after the worker, and outlives it.
        loop: The event loop on which it works.
        over: True once the worker has died, or has come to its end.

    """

    keeper: "asyncio.Task[object] | None" = attrs.field(factory=asyncio.current_task)
    loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop)
    over: bool = attrs.field(default=False, init=False)

    def end(self) -> None:
        """Let the worker die at once: none of its tasks goes on from the `await` where it is now."""
        if not self.over:
            self.over = True
            for task in tasks_but(self.keeper):
                task.cancel()

    async def die(self) -> None:
        """Let the worker die here."""
        self.end()
        await self.goes_on()

    async def goes_on(self) -> None:
        """Return while the worker lives; a dead one gets no answer, and waits to be cancelled."""
        loop = asyncio.get_running_loop()
        if self.over and loop is self.loop:  # what a function does in a thread is not interrupted
            await loop.create_future()

    def end_later(self, chance: random.Random, longest: float) -> None:
        """Let the worker die some steps or some time from now: between two steps of anything it does, or in a pause."""
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop) and chance.random() < 1 / 2:
            loop.before_step(int(math.exp(chance.uniform(0, math.log(_MOST_STEPS)))), self.end)
        else:
            loop.call_later(math.exp(chance.uniform(math.log(_SOONEST), math.log(max(longest, 1)))), self.end)


@attrs.define(eq=False)
class Chance:
    """Decides when a fault strikes, and holds what is to be delivered once more.

    Attributes:
        life: The life of the worker that works now; None while none does.

    """

    faults: Faults
    random: random.Random
    life: Life | None = attrs.field(default=None, init=False)
    copies: dict[str, list[tuple[float, Message]]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    """What comes once more, by source, each with when it does."""
    lost: Counter[str] = attrs.field(factory=Counter, init=False)
    """How often the acknowledgement of a message was lost, by its id."""

    def strikes(self, rate: float) -> bool:
        """Tell whether a fault of such a rate strikes now; one that never does uses up no chance."""
        return rate > 0 and self.random.random() < rate

    def due(self, source: str, now: float, limit: int) -> list[Message]:
        """Take what is to be delivered once more by now."""
        taken = [copy for copy in self.copies[source] if copy[0] <= now][:limit]
        self.copies[source] = [copy for copy in self.copies[source] if copy not in taken]
        return [message for _, message in taken]

    @property
    def pending(self) -> bool:
        """Tell whether something is still to be delivered once more."""
        return any(self.copies.values())


def tasks_but(one: "asyncio.Task[object] | None") -> "list[asyncio.Task[object]]":
    """Return all other tasks of this event loop as they were created; a set of them has another order each time."""
    others: set[asyncio.Task[object]] = asyncio.all_tasks() - {one}
    return sorted(others, key=lambda task: (len(task.get_name()), task.get_name()))  # Task-2, Task-10
