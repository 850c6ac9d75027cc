"""Keeps every held message ours: extends leases from a thread of its own, which a blocked event loop cannot stop."""

import asyncio
import logging
import math
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress

import attrs

from loafer.application.lane import Lane
from loafer.application.tasks import broken
from loafer.application.trouble import Trouble
from loafer.domain.batch import Failure, one_for_each
from loafer.domain.lease import Lease
from loafer.domain.limits import LARGEST_BATCH
from loafer.domain.message import Message
from loafer.exceptions import ConsumerUnavailable
from loafer.ports.consumer import Consumer
from loafer.ports.observer import Cause, Operation

logger = logging.getLogger(__name__)

SHORTEST_TICK, LONGEST_TICK = 0.05, 1.0
SHORTEST_CALL, LONGEST_CALL = 0.5, 10.0
"""Bounds in seconds: of the time between two looks at the leases, and of how long one extension call may take."""

LOOKS = 12
"""How often the heartbeat looks at the leases while one lasts."""

SHOWN = 10
"""How many message ids one line of the log names."""

CLOSING = 0.4
"""Seconds that the heartbeat gets to close its connections, and then its thread to end."""


@attrs.define(eq=False)
class Heartbeat:
    """Extends the leases of all lanes; runs on whichever event loop awaits `run`.

    Attributes:
        lanes: Whose leases it extends.
        clock: Seconds that never go back.
        stall_limit: Seconds of a blocked event loop after which its leases are let go.
        look: Looks after the event loop, and returns for how many seconds it has been blocked; infinity: it is closed.
        fail: Called from this thread with what stops the worker.

    """

    lanes: Sequence[Lane]
    clock: Callable[[], float]
    stall_limit: float
    look: Callable[[], float]
    fail: Callable[[BaseException], object]
    _consumers: dict[Lane, asyncio.Task[Consumer]] = attrs.field(factory=dict, init=False)
    _troubles: dict[Lane, Trouble] = attrs.field(init=False)
    _suffered: set[Lane] = attrs.field(factory=set, init=False)
    """Lanes of which a lease has ended since extensions are denied."""
    _calls: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _let_go: bool = attrs.field(default=False, init=False)
    _resumed: bool = attrs.field(default=False, init=False)
    """Whether leases had been let go until now."""
    _closed: bool = attrs.field(default=False, init=False)
    """Whether the watched loop is closed, by a program that has not ended its worker before."""
    beaten: float = attrs.field(init=False)
    """When it looked last."""
    tick: float = attrs.field(default=LONGEST_TICK, init=False)
    """Seconds until it looks again."""

    def __attrs_post_init__(self) -> None:
        """Begin without trouble."""
        self.beaten = self.clock()
        self._troubles = {lane: lane.trouble(f"extending leases on {lane.route.source!r}") for lane in self.lanes}

    async def run(self) -> None:
        """Extend leases until cancelled, or until the event loop that the handlers run on is closed."""
        try:
            while not self._closed:
                try:
                    self._beat()
                except Exception:  # the one thing that must never end
                    logger.exception("the heartbeat stumbled")
                self.tick = self._tick()
                await asyncio.sleep(self.tick)
        finally:
            await self._close()

    def _tick(self) -> float:
        shortest = min((lane.leases.visibility_timeout for lane in self.lanes), default=math.inf)
        return min(max(SHORTEST_TICK, shortest / LOOKS), LONGEST_TICK)

    def _beat(self) -> None:
        self.beaten = self.clock()
        if self._stalled():
            return
        for lane in self.lanes:
            now = self.clock()
            with lane.lock:
                ended = lane.leases.ended(now)
            if ended:
                self._tell_of(lane, ended)
            with lane.lock:
                due = lane.leases.due(now)
            by_seconds = defaultdict(list)
            for lease in due:
                by_seconds[lane.leases.extension(now, lease)].append(lease)
            for seconds, leases in by_seconds.items():
                for start in range(0, len(leases), LARGEST_BATCH):
                    call = asyncio.create_task(self._extend(lane, leases[start : start + LARGEST_BATCH], seconds))
                    self._calls.add(call)
                    call.add_done_callback(self._calls.discard)

    def _stalled(self) -> bool:
        """Tell whether the watched loop has been blocked for so long that its leases are let go."""
        blocked = self.look()
        stalled, self._closed = blocked > self.stall_limit, math.isinf(blocked)
        if self._closed:
            logger.error("the event loop of the worker was closed before the worker had ended: its leases are let go")
        elif stalled and not self._let_go:
            logger.error("the event loop has been blocked for %.0f s: its leases are let go", blocked)
        self._let_go, self._resumed = stalled, self._let_go
        return stalled

    def _tell_of(self, lane: Lane, ended: Sequence[Lease]) -> None:
        """Warn of leases that have ended without an extension."""
        lane.counts["leases_ended"] += len(ended)
        ids = ", ".join(lease.message.id for lease in ended[:SHOWN]) + ", …" * (len(ended) > SHOWN)
        text = "%d leases on %r have ended without an extension, and others may run these messages: %s"
        logger.warning(text, len(ended), lane.route.source, ids)
        self._suffered.add(lane)
        for lease in ended:
            lane.lost(lease, Cause.BLOCKED_LOOP if self._resumed else Cause.LEASE_LOST)

    async def _extend(self, lane: Lane, leases: Sequence[Lease], seconds: float) -> None:
        messages = [lease.message for lease in leases]
        sent = self.clock()
        results: Sequence[Failure | None] = [Failure("the call did not end")] * len(leases)
        lost: list[tuple[Lease, str]] = []
        try:
            if seconds <= 0:
                results = [Failure("it has been held for 12 hours", retryable=False)] * len(leases)
            else:
                results = await self._call(lane, messages, seconds)
        finally:
            with lane.lock:
                for lease, message, failure in zip(leases, messages, results, strict=True):
                    if failure is None:
                        lane.leases.extended(lease, message, sent + seconds)
                    elif failure.retryable:
                        lane.leases.not_extended(lease, self.clock())
                    elif lane.leases.refused(lease, message):
                        lost.append((lease, failure.reason))
        for lease, reason in lost:
            lane.refused(lease, reason)
        if lane.tell.extended:
            extended = [message for message, failure in zip(messages, results, strict=True) if failure is None]
            for tell in lane.tell.extended:
                tell(extended)

    async def _call(self, lane: Lane, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
        """Return what became of an extension; whatever went wrong, there may be time for another try."""
        trouble, began = self._troubles[lane], self.clock()
        limit = min(max(SHORTEST_CALL, lane.leases.interval / 2), LONGEST_CALL)
        try:
            async with asyncio.timeout(limit):
                extended = await (await self._consumer(lane)).extend(messages, seconds)
            results = one_for_each(extended, len(messages))
        except TimeoutError:
            error: Exception = ConsumerUnavailable(f"no answer within {limit:g} s")
        except BaseException as raised:  # noqa: BLE001 - a consumer that breaks its contract must not end the heartbeat
            error = broken(raised)
        else:
            trouble.over()
            self._suffered.discard(lane)
            lane.may_extend = True
            lane.called(Operation.EXTEND, began, None)
            return results
        lane.called(Operation.EXTEND, began, error)
        trouble.note(error)
        lane.may_extend = not trouble.is_denied
        if trouble.denied_too_long and lane in self._suffered:
            self.fail(error)
        return [Failure(str(error))] * len(messages)

    async def _consumer(self, lane: Lane) -> Consumer:
        """Return the heartbeat's own consumer of a lane's source, opened when it is first needed."""
        opening = self._consumers.get(lane)
        if opening is None or (opening.done() and opening.exception() is not None):
            opening = self._consumers[lane] = asyncio.create_task(_opened(lane))
        return await asyncio.shield(opening)

    async def _close(self) -> None:
        for call in self._calls:
            call.cancel()
        if self._calls:
            await asyncio.wait(self._calls)
        for opening in self._consumers.values():
            opening.cancel()
            if opening.done() and opening.exception() is None:
                await opening.result().close()


async def _opened(lane: Lane) -> Consumer:
    consumer = lane.route.consumer()
    consumer.learn_from(lane.consumer)
    await consumer.open()
    return consumer


@asynccontextmanager
async def beating(heartbeat: Heartbeat) -> "AsyncIterator[asyncio.Task[None]]":
    """Let a heartbeat run on the same event loop meanwhile, in a task."""
    task = asyncio.create_task(heartbeat.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=CLOSING)


@asynccontextmanager
async def beating_on_a_thread(
    heartbeat: Heartbeat, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> AsyncIterator[None]:
    """Let a heartbeat run meanwhile on a thread and an event loop of its own, which `new_loop` creates."""
    loop, stop, ended = new_loop(), asyncio.Event(), Future[None]()

    async def beat_until_stopped() -> None:
        async with beating(heartbeat) as beat:
            asked = asyncio.create_task(stop.wait())
            await asyncio.wait([beat, asked], return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()

    def run() -> None:
        try:
            loop.run_until_complete(beat_until_stopped())
            loop.close()
        finally:
            ended.set_result(None)

    threading.Thread(target=run, name="loafer-heartbeat", daemon=True).start()
    try:
        yield
    finally:
        with suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(stop.set)
        _, running = await asyncio.wait([asyncio.wrap_future(ended)], timeout=2 * CLOSING)
        if running:
            logger.warning("the heartbeat's thread has not ended: it is left behind")
