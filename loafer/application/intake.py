"""How messages come in: seats first, then a receive; more receives at once while there is work."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import attrs

from loafer.application.arrival import ON_THE_WAY, Arrival
from loafer.application.lane import Lane
from loafer.application.lookout import Lookout
from loafer.application.overdue import Overdue
from loafer.application.slots import Slots
from loafer.application.stop import Stop
from loafer.application.tasks import broken
from loafer.application.trouble import Trouble
from loafer.domain.aborted import are_few
from loafer.domain.batch import LONGEST_CALL
from loafer.domain.message import Message
from loafer.exceptions import ConfigurationError, ConsumerError, ConsumerUnavailable
from loafer.ports.consumer import SourceInfo
from loafer.ports.observer import Operation

logger = logging.getLogger(__name__)

SHORTEST_WAIT = 1.0
"""Seconds that a poll waits in any case, where its consumer is not to ask for less."""

LOOK_EVERY = 5 * 60.0
"""Seconds between two looks at what the source is."""

LOOK_SOON = 10.0
"""Seconds until the second look where the first could not tell; each pause is twice as long as the one before."""


@attrs.define(eq=False)
class Intake:
    """Receives for one lane, and hands what came to `admit`, until it is stopped.

    One receive runs at a time; one that brings all it asked for starts another beside it, an empty one ends all but
    the first.

    Attributes:
        longest_wait: How long a receive may last in a stop, which aborts none then, and has time for what it brings.
        few: Whether messages have so few receives that aborted ones could use them up.

    """

    lane: Lane
    slots: Slots
    stop: Stop
    trouble: Trouble
    lookout: Lookout
    admit: Callable[[Lane, Sequence[Message], float, float, bool], None]
    longest_wait: float = math.inf
    few: bool = attrs.field(default=False, init=False)
    _looking: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)
    _polls: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _receiving: dict[asyncio.Task[None], tuple[float, float]] = attrs.field(factory=dict, init=False)
    """Polls whose receive runs, when it was asked for, and until when it waits."""
    _cut: list[float] = attrs.field(factory=list, init=False)
    """Until when its source may serve receives that were cancelled."""
    _overdue: Overdue = attrs.field(init=False)
    _warned: bool = attrs.field(default=False, init=False)
    """Whether it was said that a receive was not answered."""

    def __attrs_post_init__(self) -> None:
        """Begin with nothing."""
        self._overdue = Overdue(self.lookout.clock)

    def start(self) -> None:
        """Begin with one poll."""
        self._start_poll(self._open_and_poll)

    @property
    def asked(self) -> float | None:
        """When the receive that has run for longest was asked for; None: none runs. May be read on any thread."""
        return min((asked for asked, _ in list(self._receiving.values())), default=None)

    @property
    def open_polls(self) -> int:
        """How many receives run."""
        return len(self._receiving)

    def end(self) -> None:
        """Ask for nothing more; a receive that runs is left to end, for it may bring messages."""
        self._overdue.end()
        if self._looking is not None:
            self._looking.cancel()
        for poll in self._polls - self._receiving.keys():
            poll.cancel()

    def expects_answer(self, now: float) -> bool:
        """Tell whether a receive runs whose wait time is over."""
        return any(until <= now for _, until in self._receiving.values())

    def abort(self) -> list[float]:
        """End the running receives too; return until when the source may serve these, and those that others cancelled.

        A message that such a receive takes becomes visible again when its lease ends.
        """
        served_until = [*self._cut, *(until + ON_THE_WAY for _, until in self._receiving.values())]
        for poll in self._polls:
            poll.cancel()
        return served_until

    async def ended(self) -> None:
        """Wait until nothing is received any more."""
        while self._polls:
            await asyncio.wait(self._polls)

    def _start_poll(self, poll: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.get_running_loop().create_task(self._watched(poll))
        self._polls.add(task)
        task.add_done_callback(self._poll_ended)

    def _poll_ended(self, poll: "asyncio.Task[None]") -> None:
        self._polls.discard(poll)
        if poll.cancelled() and not self.stop.requested.is_set():
            text = "the receives of {!r} were cancelled by other code, such as a handler that cancels all tasks"
            self.stop.fail(ConsumerError(text.format(self.lane.route.source)))

    async def _watched(self, poll: Callable[[], Awaitable[None]]) -> None:
        """See to it that a poll never ends unnoticed: whatever it raises stops the worker."""
        try:
            await poll()
        except (ConsumerError, ConfigurationError) as error:
            self.stop.fail(error)
        except BaseException as raised:  # noqa: BLE001 - a consumer that breaks its contract, and nobody else looks
            cause = broken(raised)
            fatal = ConsumerError(f"the consumer of {self.lane.route.source!r} broke: {type(cause).__name__}: {cause}")
            fatal.__cause__ = cause
            self.stop.fail(fatal)

    async def _open_and_poll(self) -> None:
        while not await self._opened():
            pass
        self._looking = asyncio.get_running_loop().create_task(self._look_again())
        await self._poll(extra=False)

    async def _opened(self) -> bool:
        try:
            self.lane.opened(await self.lane.consumer.open())
            self._bound_wait()
        except (ConsumerUnavailable, ConsumerError) as error:
            await asyncio.sleep(self.trouble.wait(error))
            return False
        return True

    async def _look_again(self) -> None:
        """Take over what changes on the source while it is consumed: its visibility timeout, its redrive policy."""
        soon = LOOK_SOON
        while True:
            await asyncio.sleep(LOOK_EVERY if self.lane.info.redrive_known else soon)
            soon = min(2 * soon, LOOK_EVERY)
            try:
                info = await self.lane.consumer.look_again()
            except BaseException as error:  # noqa: BLE001 - what was true before goes on to be taken for true
                logger.info("source %r was not looked at again: %s", self.lane.route.source, broken(error))
            else:
                self._changed(info)

    def _changed(self, info: SourceInfo | None) -> None:
        if info is not None and info != self.lane.info:
            logger.warning("source %r has changed and is now %s", self.lane.route.source, info)
            self.lane.looked(info)
            self._bound_wait()

    def _bound_wait(self) -> None:
        """Let receives wait for no longer than a stop has time for them where each message has few, or may have.

        One that a stop aborts may take a message all the same, and use up its last receive, also where another worker
        has given it back before. What comes after the grace period is given back, and does not run either.
        """
        consumer, info, longest = self.lane.consumer, self.lane.info, max(SHORTEST_WAIT, self.longest_wait)
        waited = consumer.wait_time
        consumer.wait_at_most(None)
        self.few = are_few(info.last_receive, max(0.0, consumer.wait_time - longest), info.visibility_timeout)
        if self.few:
            consumer.wait_at_most(longest)
        if consumer.wait_time < waited:
            text = "source %r: its messages %s few receives, so polls wait for %g s, no longer than a stop does"
            have = "have" if info.redrive_known else "may have"
            logger.info(text, self.lane.route.source, have, consumer.wait_time)

    async def _poll(self, *, extra: bool) -> None:
        while not self.stop.requested.is_set():
            seats = await self.slots.seats.take(self.lane)
            if self.stop.requested.is_set():
                self.slots.seats.vacate(self.lane, seats)
                return
            messages = await self._receive(seats)
            if not messages and extra:
                return
            if len(messages) >= seats and self._may_poll_beside:
                self._start_poll(partial(self._poll, extra=True))

    @property
    def _may_poll_beside(self) -> bool:
        """Whether another poll could receive at once: none waits for seats, and there are connections."""
        return len(self._polls) < self.lane.consumer.max_polls and not self.slots.seats.is_hungry(self.lane)

    async def _receive(self, seats: int) -> Sequence[Message]:
        """Return what a receive brought, already admitted; none after trouble, when that has been waited for."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has a task
        asked = self.lookout.clock()
        until = asked + self.lane.consumer.wait_time
        self._receiving[task] = asked, until
        self._overdue.watch(task, until + LONGEST_CALL)
        hidden_for = self.lane.info.visibility_timeout  # which may be another one when the answer comes
        arrival = Arrival(self.lookout, asked, until)
        self.lane.wide_polls += seats > 1
        try:
            messages = await self.lane.consumer.receive(seats)
        except (ConsumerUnavailable, ConsumerError) as error:
            self.lane.called(Operation.RECEIVE, asked, error)
            wait = self.trouble.wait(error)
        except asyncio.CancelledError:
            if not self._overdue.forget(task) or task.uncancel():
                self._cut.append(until + ON_THE_WAY)
                raise
            self._tell_of_no_answer(until - asked)
            wait = 0.0
        else:
            self.trouble.over()
            if messages:
                self.slots.seats.received(self.lane, asked)
            self._tell(seats, messages, asked)
            ours_for, is_doubtful = arrival.ours_for(hidden_for), arrival.is_doubtful(hidden_for)
            self.admit(self.lane, messages, arrival.earliest, ours_for, is_doubtful)
            return messages
        finally:
            del self._receiving[task]
            self._overdue.forget(task)
            self.lane.wide_polls -= seats > 1
            self.slots.seats.vacate(self.lane, seats)
        if not self.stop.requested.is_set():
            await asyncio.sleep(wait)
        return ()

    def _tell_of_no_answer(self, wait: float) -> None:
        text = "a receive on %r was given up that had no answer %g s after its wait time of %g s: it is asked anew"
        log = logger.info if self._warned else logger.warning
        log(text, self.lane.route.source, LONGEST_CALL, wait)
        self._warned = True

    def _tell(self, seats: int, messages: Sequence[Message], asked: float) -> None:
        self.lane.heard = self.lookout.clock()
        self.lane.called(Operation.RECEIVE, asked, None)
        for tell in self.lane.tell.received:
            tell(self.lane.route.source, seats, messages)
