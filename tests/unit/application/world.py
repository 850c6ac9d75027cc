"""A dispatcher on queues in memory, in virtual time, and a consumer that can be made to fail."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Self

import attrs

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.delivery import Delivery
from loafer.application.dispatcher import Dispatcher
from loafer.application.options import Options
from loafer.application.route import Route
from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.exceptions import AccessDenied, ConsumerUnavailable
from loafer.ports.consumer import SourceInfo

LATEST: list[asyncio.AbstractEventLoop] = []
"""The event loop of this test."""


def now() -> float:
    """Return the time of the event loop of this test, in its threads too."""
    with suppress(RuntimeError):
        LATEST[:] = [asyncio.get_running_loop()]
    return LATEST[0].time()


def queue(name: str = "orders", *bodies: str, **attributes: Any) -> MemoryQueue:
    """Return a queue in virtual time that holds messages with these bodies."""
    made = MemoryQueue(name, clock=now, **attributes)
    for body in bodies:
        made.send(OutgoingMessage(body))
    return made


class NoAnswer(ConsumerUnavailable):
    """A call that was served, and whose answer was lost."""


@attrs.define(eq=False)
class Faults:
    """What goes wrong; shared by all consumers of a source. Each list is used up from its front, None is no fault.

    `received` counts how often their polls, those that were aborted too, were given each body. While `denied` nothing
    may be settled or extended; answers to receives are `late` by so many seconds. A standard queue gives a message
    once more at once where `twice` says so.
    """

    opening: list[Any] = attrs.field(factory=list)
    receiving: list[Any] = attrs.field(factory=list)
    settling: list[Any] = attrs.field(factory=list)
    extending: list[Any] = attrs.field(factory=list)
    dead_lettering: list[Any] = attrs.field(factory=list)
    calls: list[tuple[str, int]] = attrs.field(factory=list)
    received: Counter[str] = attrs.field(factory=Counter)
    denied: bool = False
    late: float = 0.0
    twice: Iterator[bool] | None = None
    delay: float = 0.0
    extension_delay: float = 0.0
    steps_to_crash: int | None = None
    crashed: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def step(self) -> None:
        """Come one step nearer to the crash: from then on no call returns, as if the process were gone."""
        if self.steps_to_crash is None:
            return
        self.steps_to_crash -= 1
        if self.steps_to_crash <= 0:
            self.crashed.set()
            await asyncio.Event().wait()


@attrs.define(eq=False)
class FlakyConsumer(MemoryConsumer):
    """A consumer of a queue in memory on which calls fail as they are told to; notes (call, entries)."""

    faults: Faults = attrs.field(factory=Faults)
    closed: bool = False

    async def open(self) -> SourceInfo:
        _raise(_next(self.faults.opening))
        return await super().open()

    async def receive(self, limit: int) -> Sequence[Message]:
        self.faults.calls.append(("receive", limit))
        fault = _next(self.faults.receiving)
        _raise(fault, unless=NoAnswer)
        await self.faults.step()
        messages = await super().receive(limit)
        await self.faults.step()
        _raise(fault)
        if self.faults.late:
            await asyncio.sleep(self.faults.late)
        return messages

    async def _poll(self, limit: int) -> Sequence[Message]:
        messages = await super()._poll(limit)
        self.faults.received.update(message.body for message in messages)
        for message in messages:
            if self.faults.twice is not None and not self.queue.fifo and next(self.faults.twice):
                self.queue.change_visibility(message.receipt, 0)
        return messages

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        self.faults.calls.append(("acknowledge", len(messages)))
        return await self._settle(self.faults.settling, messages, super().acknowledge)

    async def release(self, messages: Sequence[Message], delays: Sequence[float]) -> Sequence[Failure | None]:
        self.faults.calls.append(("release", len(messages)))
        by_id = {message.id: delay for message, delay in zip(messages, delays, strict=True)}
        release = super().release
        return await self._settle(
            self.faults.settling, messages, lambda kept: release(kept, [by_id[message.id] for message in kept])
        )

    async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
        self.faults.calls.append(("extend", len(messages)))
        if self.faults.extension_delay:
            await asyncio.sleep(self.faults.extension_delay)
        extend = MemoryConsumer.release
        return await self._settle(
            self.faults.extending, messages, lambda kept: extend(self, kept, [seconds] * len(kept))
        )

    async def dead_letter(self, message: Message) -> Failure | None:
        self.faults.calls.append(("dead_letter", 1))
        fault = _next(self.faults.dead_lettering)
        await self.faults.step()
        _raise(fault, unless=NoAnswer)
        failure = fault if isinstance(fault, Failure) else await super().dead_letter(message)
        await self.faults.step()
        _raise(fault)
        return failure

    async def close(self) -> None:
        self.closed = True

    async def _settle(
        self,
        faults: list[Any],
        messages: Sequence[Message],
        call: Callable[[Sequence[Message]], Awaitable[Sequence[Failure | None]]],
    ) -> Sequence[Failure | None]:
        """Let entry by entry fail; an exception fails the call."""
        if self.faults.denied:
            raise AccessDenied("not for you")
        if self.faults.delay:
            await asyncio.sleep(self.faults.delay)
        results: list[Failure | None] = []
        for message in messages:
            await self.faults.step()
            fault = _next(faults)
            _raise(fault, unless=NoAnswer)
            results.append(fault if isinstance(fault, Failure) else (await call([message]))[0])
            _raise(fault)
        await self.faults.step()
        return results


def _next(faults: list[Any]) -> Any:
    return faults.pop(0) if faults else None


def _raise(fault: Any, unless: type[BaseException] | tuple[()] = ()) -> None:
    if isinstance(fault, BaseException) and not isinstance(fault, unless):
        raise fault


@attrs.define(eq=False)
class World:
    """Runs a dispatcher with one route; what happened is left on the queue and in `deliveries`."""

    queue: MemoryQueue
    handle: Callable[[Any], Awaitable[object]]
    options: Options = attrs.field(factory=Options)
    faults: Faults = attrs.field(factory=Faults)
    translate: Callable[[Message], object] = lambda message: {"content": message.body}
    wait_time: float = 1.0
    batch_size: int = 10
    abandoned_polls: bool = False
    deliveries: list[Delivery] = attrs.field(factory=list)
    dispatcher: Dispatcher = attrs.field(init=False)
    _running: "asyncio.Task[None] | None" = None

    def __attrs_post_init__(self) -> None:
        self.dispatcher = Dispatcher(
            [self.route()], self.options, self.deliveries.append, clock=now, threaded_heartbeat=False
        )

    def route(self) -> Route:
        return Route(self.queue.name, self.queue.name, self.consumer, self.translate, self.handle)

    def consumer(self) -> FlakyConsumer:
        return FlakyConsumer(
            self.queue, self.wait_time, self.batch_size, self.faults, abandoned_polls=self.abandoned_polls
        )

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self.dispatcher.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.dispatcher.stop_wanted:  # once more would be haste
            self.dispatcher.stop()
        await self.ended()

    async def ended(self) -> None:
        """Wait for the dispatcher's end; raises what it raised."""
        assert self._running is not None
        running, self._running = self._running, asyncio.create_task(asyncio.sleep(0))
        await running

    async def run_for(self, seconds: float) -> "World":
        """Run, and stop after so many seconds."""
        async with self:
            await asyncio.sleep(seconds)
        return self
