import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import attrs
import pytest
from world import FlakyConsumer, World, queue

from loafer.application.lane import Lane
from loafer.application.listeners import Guards, Listeners
from loafer.application.options import Options
from loafer.application.route import BatchCall
from loafer.domain.batch import Failure
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message, OutgoingMessage
from loafer.exceptions import ConsumerUnavailable, IgnoreMessage, RejectMessage
from loafer.ports.observer import Cause, Ending, Observer, Operation

SPAN: ContextVar[str] = ContextVar("span", default="none")


@attrs.define(eq=False)
class Notes(Observer):
    """Notes everything that it is told."""

    receives: list[tuple[int, int]] = attrs.field(factory=list)
    starts: list[list[str]] = attrs.field(factory=list)
    ends: list[tuple[str, str, str, float]] = attrs.field(factory=list)
    spans: list[str] = attrs.field(factory=list)
    reports: list[tuple[str, str]] = attrs.field(factory=list)
    settlements: list[tuple[Operation, int]] = attrs.field(factory=list)
    causes: Counter[Cause] = attrs.field(factory=Counter)
    extensions: list[int] = attrs.field(factory=list)
    calls: list[tuple[Operation, str | None]] = attrs.field(factory=list)
    troubles: list[tuple[str, str | None]] = attrs.field(factory=list)

    def received(self, source: str, asked: int, messages: Sequence[Message]) -> None:
        self.receives.append((asked, len(messages)))

    def started(self, messages: Sequence[Message]) -> None:
        self.starts.append([message.body for message in messages])
        SPAN.set(messages[0].body)

    def ended(
        self, route: str, message: Message, outcome: Outcome, error: BaseException | None, seconds: float
    ) -> None:
        self.ends.append((route, message.body, outcome, round(seconds, 1)))
        self.spans.append(SPAN.get())

    def reported(self, message: Message) -> None:
        self.reports.append((message.body, SPAN.get()))

    def settled(self, messages: Sequence[Message], operation: Operation) -> None:
        self.settlements.append((operation, len(messages)))

    def comes_back(self, message: Message, cause: Cause) -> None:
        self.causes[cause] += 1

    def extended(self, messages: Sequence[Message]) -> None:
        self.extensions.append(len(messages))

    def called(self, operation: Operation, source: str, seconds: float, error: Exception | None) -> None:
        self.calls.append((operation, None if error is None else str(error)))

    def trouble(self, source: str, what: str, error: Exception | None) -> None:
        self.troubles.append((what, None if error is None else str(error)))


async def handle(content: str) -> None:
    match content.split():
        case ["sleep", seconds]:
            await asyncio.sleep(float(seconds))
        case ["reject"]:
            raise RejectMessage
        case ["ignore"]:
            raise IgnoreMessage
        case ["fail"]:
            raise ValueError


def observed(notes: Observer, *bodies: str, options: Options | None = None, **attributes: Any) -> World:
    world = World(queue("orders", *bodies, **attributes), handle, options or Options())
    world.dispatcher.observers = (notes,)
    return world


async def test_an_observer_is_told_of_each_message_from_its_receive_to_its_settlement() -> None:
    notes = Notes()
    await observed(notes, "sleep 1", "reject").run_for(5)
    assert notes.receives[0] == (10, 2)
    assert notes.receives[-1][1] == 0
    assert notes.starts == [["sleep 1"], ["reject"]]
    assert notes.ends == [("orders", "reject", "rejected", 0.0), ("orders", "sleep 1", "succeeded", 1.0)]
    assert sum(count for operation, count in notes.settlements if operation is Operation.ACKNOWLEDGE) == 2
    assert (Operation.RECEIVE, None) in notes.calls
    assert (Operation.ACKNOWLEDGE, None) in notes.calls
    assert not notes.causes
    assert not notes.troubles


async def test_what_ended_in_one_turn_is_told_together_too_and_in_nobodys_context() -> None:
    together: list[tuple[str, ...]] = []

    class Many(Notes):
        def handled(self, endings: Sequence[Ending]) -> None:
            together.append((*(message.body for _, message, *_ in endings), SPAN.get()))
            assert [(route, outcome, seconds) for route, _, outcome, _, seconds in endings] == [
                (route, outcome, seconds) for route, _, outcome, seconds in notes.ends[-len(endings) :]
            ]

    notes = Many()
    await observed(notes, "a", "reject", "fail", "sleep 1").run_for(3)
    assert together == [("a", "reject", "fail", "none"), ("sleep 1", "none")]


async def test_start_and_end_are_told_in_the_context_that_the_handler_sees() -> None:
    notes, seen = Notes(), []

    async def look(content: str) -> None:
        await asyncio.sleep(1)
        seen.append((content, SPAN.get()))

    world = World(queue("orders", "a", "b", "c"), look)
    world.dispatcher.observers = (notes,)
    await world.run_for(5)
    assert sorted(seen) == [("a", "a"), ("b", "b"), ("c", "c")]
    assert [body for _, body, _, _ in notes.ends] == notes.spans
    assert sorted(notes.reports) == sorted(seen)
    assert SPAN.get() == "none"


async def test_a_batch_starts_once_and_ends_for_each_message() -> None:
    notes = Notes()

    async def take(items: Sequence[Any]) -> None:
        assert SPAN.get() == "a"

    world = World(queue("orders", "a", "b"), handle)
    world.dispatcher.observers = (notes,)
    world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(take, size=2))]
    await world.run_for(5)
    assert notes.starts == [["a", "b"]]
    assert [(body, outcome) for _, body, outcome, _ in notes.ends] == [("a", "succeeded"), ("b", "succeeded")]
    assert notes.spans == ["a", "a"]


async def test_each_message_of_a_batch_took_as_long_as_its_handler_however_late_that_began() -> None:
    notes = Notes()

    async def take(items: Sequence[Any]) -> None:
        await asyncio.sleep(2)

    world = World(queue("orders"), handle)
    world.dispatcher.observers = (notes,)
    world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(take, size=2))]
    async with world:
        await asyncio.sleep(100)
        for body in "ab":
            world.queue.send(OutgoingMessage(body))
        await asyncio.sleep(5)
    assert [(body, seconds) for _, body, _, seconds in notes.ends] == [("a", 2.0), ("b", 2.0)]


@pytest.mark.parametrize(
    ("body", "cause"), [("fail", Cause.FAILED), ("ignore", Cause.IGNORED), ("sleep 30", Cause.TIMEOUT)]
)
async def test_a_message_that_its_handler_does_not_finish_comes_back_for_that(body: str, cause: Cause) -> None:
    notes = Notes()
    await observed(notes, body, options=Options(handler_timeout=10, retry_delay=3600)).run_for(20)
    assert notes.causes == {cause: 1}


async def test_a_message_that_is_left_to_its_lease_comes_back_too() -> None:
    notes = Notes()
    await observed(notes, "fail", visibility_timeout=600).run_for(20)
    assert notes.causes == {Cause.FAILED: 1}


async def test_what_a_stop_cancels_and_what_waits_then_comes_back_for_the_stop() -> None:
    notes = Notes()
    options = Options(max_jobs=1, grace_period=1, prefetch=2)
    world = observed(notes, *["sleep 0.3"] * 8, "sleep 100", *["sleep 0.3"] * 20, options=options)
    async with world:
        await asyncio.sleep(4)
        held = world.dispatcher.held
    assert held > 1
    assert notes.causes == {Cause.STOP: held}


async def test_a_lost_lease_is_told_once_though_its_handler_fails_later() -> None:
    notes = Notes()

    async def fail_late(_: str) -> None:
        await asyncio.sleep(100)
        raise ValueError

    world = World(queue("orders", "late", visibility_timeout=30), fail_late)
    world.dispatcher.observers = (notes,)
    world.faults.extending.append(Failure("the receipt has expired", retryable=False))
    async with world:
        await asyncio.sleep(25)
        assert notes.causes == {Cause.LEASE_LOST: 1}


async def test_a_deletion_that_is_refused_brings_its_message_back() -> None:
    notes = Notes()
    world = observed(notes, "sleep 1", visibility_timeout=600)
    world.faults.settling.append(Failure("no such receipt", retryable=False))
    await world.run_for(10)
    assert notes.causes == {Cause.DELETE_FAILED: 1}


async def test_a_message_that_others_had_before_comes_from_elsewhere() -> None:
    notes = Notes()
    world = observed(notes, "sleep 1")
    other = world.consumer()
    [message] = await other.receive(1)
    await other.release([message], [0.0])
    await world.run_for(10)
    assert notes.causes == {Cause.ELSEWHERE: 1}


async def test_a_message_that_comes_back_because_of_us_does_not_come_from_elsewhere() -> None:
    notes = Notes()
    await observed(notes, "fail", options=Options(retry_delay=4)).run_for(10)
    assert notes.causes == {Cause.FAILED: 3}


async def test_what_waits_behind_a_message_that_is_given_back_comes_back_for_the_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def not_allowed(*_: object) -> Failure:
        return Failure("not allowed", retryable=False)

    monkeypatch.setattr(FlakyConsumer, "dead_letter", not_allowed)
    notes = Notes()
    dead = queue("dead.fifo")
    source = queue("orders.fifo", visibility_timeout=600, max_receive_count=2, dead_letters=dead)
    for body in ("fail", "sleep 1"):
        source.send(OutgoingMessage(body, group="g", deduplication_id=body))
    world = World(source, handle, Options(retry_delay=0))
    world.dispatcher.observers = (notes,)
    await world.run_for(20)
    assert notes.causes == {Cause.FAILED: 1, Cause.ORDER: 2}  # what waited, and its head until it is moved


async def test_extensions_are_told() -> None:
    notes = Notes()
    await observed(notes, "sleep 60", visibility_timeout=30).run_for(65)
    assert sum(notes.extensions) >= 5
    assert (Operation.EXTEND, None) in notes.calls


async def test_trouble_is_told_at_each_try_and_when_it_is_over() -> None:
    notes = Notes()
    world = observed(notes)
    world.faults.receiving += [ConsumerUnavailable("down"), ConsumerUnavailable("down")]
    await world.run_for(20)
    assert notes.troubles == [("source 'orders'", "down"), ("source 'orders'", "down"), ("source 'orders'", None)]
    assert (Operation.RECEIVE, "down") in notes.calls


class Broken(Observer):
    """Raises whatever it is told."""

    def ended(self, *_: object) -> None:
        raise ValueError("no")

    def comes_back(self, *_: object) -> None:
        raise ValueError("no")


async def test_an_observer_that_raises_harms_nobody_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    world = observed(notes, "a", "b", "c")
    world.dispatcher.observers = (Broken(), notes)
    await world.run_for(5)
    assert len(notes.ends) == 3
    assert len(world.queue) == 0
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["an observer failed, which is said once: Broken.ended"]


class Unusual(BaseException):
    """No Exception, and nothing that Python knows."""


@pytest.mark.parametrize("raised", [asyncio.CancelledError, SystemExit, Unusual])
@pytest.mark.parametrize(
    "event", ["received", "started", "ended", "handled", "reported", "settled", "called", "extended", "comes_back"]
)
async def test_whatever_an_observer_raises_harms_nobody(
    event: str, raised: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def tell(*_: object) -> None:
        raise raised

    world = observed(Notes(), "a", "b", "fail", "sleep 70", visibility_timeout=30)
    world.dispatcher.observers = (type("Odd", (Observer,), {event: tell})(),)
    async with world:
        await asyncio.sleep(100)
        assert [message.body for message in world.queue.messages.values()] == ["fail"]
        assert world.dispatcher._slots.running == 0
    assert world.dispatcher.counts["succeeded"] == 3
    assert world.dispatcher.counts["leases_ended"] == 0
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [error for error in errors if "an observer failed" in error] == [
        f"an observer failed, which is said once: {tell.__qualname__}"
    ]


async def test_an_observer_that_raises_on_every_route_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    world, other = World(queue("orders", "a"), handle), World(queue("clicks", "b"), handle)
    world.dispatcher.routes = [world.route(), other.route()]
    world.dispatcher.observers = (Broken(), Broken())
    await world.run_for(5)
    assert (len(world.queue), len(other.queue)) == (0, 0)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["an observer failed, which is said once: Broken.ended"] * 2, "each of them once"


def test_nobody_is_told_what_nobody_wants_to_know() -> None:
    assert Listeners.of((), (Observer(), Observer()), Guards()) == Listeners()
    route = World(queue("orders"), handle)
    lane = Lane(route.route(), route.consumer(), lambda: 0.0)
    assert (lane.tell.started, lane.tell.settled, lane.tell.extended) == ((), (), ())
