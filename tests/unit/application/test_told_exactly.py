"""What observers are told, to the second and to the message: what metrics, traces and histories are made of."""

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from test_dead_letter_after import AGAIN, NEVER, with_letters
from test_tally import hold, lane_of, route_of
from world import Faults, World, now, queue

from loafer.application.batches import deliver_batch
from loafer.application.causes import cause_of
from loafer.application.counts import Counts
from loafer.application.heartbeat import Heartbeat
from loafer.application.lane import RETURNED, UNKNOWN, Lane
from loafer.application.listeners import Guards, Listeners
from loafer.application.lookout import Lookout
from loafer.application.options import Options
from loafer.application.route import BatchCall
from loafer.application.slots import Slots
from loafer.domain.demand import Bounds
from loafer.domain.item import Item
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.domain.retry import Retry
from loafer.domain.share import Share
from loafer.exceptions import ConsumerUnavailable, HandlerTimeout, IgnoreMessage, RejectMessage
from loafer.ports.consumer import SourceInfo
from loafer.ports.observer import Cause, Observer, Operation

approx: Any = pytest.approx
GONE = ConsumerUnavailable("gone")


@attrs.define(eq=False)
class Told(Observer):
    """Keeps everything as it was told."""

    calls: list[tuple[str, str, float, str]] = attrs.field(factory=list)
    settlements: list[tuple[str, list[str]]] = attrs.field(factory=list)
    extensions: list[list[str]] = attrs.field(factory=list)
    receives: list[tuple[str, int, list[str]]] = attrs.field(factory=list)
    back: list[tuple[str, str]] = attrs.field(factory=list)

    def called(self, operation: Operation, source: str, seconds: float, error: Exception | None) -> None:
        self.calls.append((operation, source, seconds, "" if error is None else str(error)))

    def settled(self, messages: Sequence[Message], operation: Operation) -> None:
        self.settlements.append((operation, [message.id for message in messages]))

    def extended(self, messages: Sequence[Message]) -> None:
        self.extensions.append([message.id for message in messages])

    def received(self, source: str, asked: int, messages: Sequence[Message]) -> None:
        self.receives.append((source, asked, [message.id for message in messages]))

    def comes_back(self, message: Message, cause: Cause) -> None:
        self.back.append((message.id, cause))

    def of(self, operation: Operation) -> list[Any]:
        return [told for name, *told in self.calls if name == operation]


def told_by(world: World) -> Told:
    told = Told()
    world.dispatcher.observers = (told,)
    return told


async def succeed(content: Any) -> None:
    """Handle anything."""


async def fail(content: Any) -> None:
    raise ValueError


async def takes_an_hour(content: Any) -> None:
    await asyncio.sleep(3600)


async def test_a_settlement_is_told_with_how_long_it_took_and_only_of_what_was_confirmed() -> None:
    world = World(queue("orders", *"xxx"), succeed, faults=Faults(settling=[None, NEVER, AGAIN], delay=0.5))
    told = told_by(world)
    await world.run_for(5)
    calls = told.of(Operation.ACKNOWLEDGE)
    assert calls == [["orders", approx(0.5), ""], ["orders", approx(0.5), ""]]
    assert told.settlements == [("acknowledge", ["orders-1"]), ("acknowledge", ["orders-3"])]


async def test_a_settlement_that_fails_is_told_with_its_error() -> None:
    world = World(queue("orders", "x"), succeed, faults=Faults(settling=[GONE, KeyError("x")]))
    told = told_by(world)
    await world.run_for(5)
    assert [error for _, _, error in told.of(Operation.ACKNOWLEDGE)] == ["gone", "'x'", ""]
    assert told.settlements == [("acknowledge", ["orders-1"])]


async def test_a_release_is_told_as_one() -> None:
    world = World(queue("orders", "x"), fail, Options(retry_delay=60))
    told = told_by(world)
    await world.run_for(2)
    assert told.settlements == [("release", ["orders-1"])]
    assert [error for _, _, error in told.of(Operation.RELEASE)] == [""]


async def test_a_move_is_told_with_its_call() -> None:
    world = World(
        with_letters("x"), fail, Options(retry_delay=Retry(dead_letter_after=1)), Faults(dead_lettering=[AGAIN])
    )
    told = told_by(world)
    await world.run_for(2)
    assert told.settlements == [("dead letter", ["orders-1"])]
    assert told.of(Operation.DEAD_LETTER) == [["orders", approx(0, abs=1e-6), ""]] * 2


async def test_a_move_that_raises_is_told_with_its_error() -> None:
    retry = Options(retry_delay=Retry(dead_letter_after=1, first=1))
    world = World(with_letters("x", "y"), fail, retry, Faults(dead_lettering=[GONE, KeyError("x")]))
    told = told_by(world)
    await world.run_for(0.5)
    assert sorted(error for _, _, error in told.of(Operation.DEAD_LETTER))[-2:] == ["'x'", "gone"]


async def test_a_receive_is_told_with_what_it_asked_for_and_how_long_it_took() -> None:
    world = World(queue("orders", "x"), succeed, faults=Faults(late=0.5, receiving=[GONE]), wait_time=2)
    told = told_by(world)
    async with world:
        await asyncio.sleep(6)
        [lane] = world.dispatcher._lanes
        assert lane.heard is not None
    assert told.receives[0] == ("orders", 10, ["orders-1"])
    assert told.receives[1][2] == []
    first, second, third, *_ = told.of(Operation.RECEIVE)
    assert (first, second, third) == (
        ["orders", approx(0), "gone"],
        ["orders", approx(0.5), ""],
        ["orders", approx(2.5), ""],
    )


async def test_extensions_are_told_with_those_that_worked_and_how_long_the_call_took() -> None:
    faults = Faults(extending=[None, AGAIN, NEVER], extension_delay=0.25)
    world = World(queue("orders", *"xxx", visibility_timeout=30), takes_an_hour, faults=faults)
    told = told_by(world)
    async with world:
        await asyncio.sleep(14)
        world.dispatcher.stop()
        world.dispatcher.stop()
    assert told.extensions == [["orders-1"], ["orders-2"]]
    assert told.of(Operation.EXTEND) == [["orders", approx(0.25), ""]] * 2
    assert told.back[0] == ("orders-3", "lease lost")


async def test_an_extension_that_fails_is_told_with_its_error() -> None:
    faults = Faults(extending=[GONE, KeyError("x")])
    world = World(queue("orders", "x", visibility_timeout=30), takes_an_hour, faults=faults)
    told = told_by(world)
    async with world:
        await asyncio.sleep(16)
        world.dispatcher.stop()
        world.dispatcher.stop()
    assert [error for _, _, error in told.of(Operation.EXTEND)] == ["gone", "'x'", ""]
    assert [each for each in told.extensions if each] == [["orders-1"]]


def test_what_happens_is_counted_by_name_cause_and_call() -> None:
    counts = Counts()
    message = Message("1", "x", "r")
    for _ in range(2):
        counts.count([Outcome.FAILED], [1.5])
        counts.received("orders", 10, [message] * 3)
        counts.comes_back(message, Cause.STOP)
        counts.called(Operation.EXTEND, "orders", 1.0, None)
    assert counts.by_name == {"failed": 2, "received": 6}
    assert (counts.causes, counts.calls) == ({"stop": 2}, {"extend": 2})
    assert (list(counts.took), counts.took.maxlen) == ([1.5, 1.5], 1024)


@pytest.mark.parametrize(
    ("outcome", "error", "stopping", "cause"),
    [
        (Outcome.IGNORED, None, False, Cause.IGNORED),
        (Outcome.IGNORED, asyncio.CancelledError(), True, Cause.IGNORED),
        (Outcome.FAILED, HandlerTimeout("x"), True, Cause.TIMEOUT),
        (Outcome.FAILED, asyncio.CancelledError(), True, Cause.STOP),
        (Outcome.FAILED, asyncio.CancelledError(), False, Cause.FAILED),
        (Outcome.FAILED, ValueError(), True, Cause.FAILED),
        (Outcome.UNTRANSLATED, None, False, Cause.FAILED),
    ],
)
def test_a_kept_message_has_a_cause(
    outcome: Outcome, error: BaseException | None, cause: Cause, *, stopping: bool
) -> None:
    assert cause_of(outcome, error, stopping=stopping) is cause


def test_our_own_are_told_before_others_and_each_of_what_it_wants() -> None:
    own, other = Told(), Told()
    listeners = Listeners.of((own,), (other, Observer()), Guards())
    assert listeners.settled[0] == own.settled
    assert [len(getattr(listeners, each)) for each in ("settled", "started", "sending")] == [2, 0, 0]
    listeners.settled[1]([Message("1", "x", "r")], Operation.RELEASE)
    assert other.settlements == [("release", ["1"])]


async def test_a_lane_begins_with_what_is_not_known_and_takes_over_what_its_source_says() -> None:
    lane = Lane(route_of(), World(queue("orders"), succeed).consumer(), lambda: 0.0)
    assert (lane.info, lane.leases.visibility_timeout, lane.answered.is_set()) == (UNKNOWN, 30, False)
    lane.opened(SourceInfo(12, max_receive_count=3))
    assert (lane.info.max_receive_count, lane.leases.visibility_timeout) == (3, 12)
    assert lane.answered.is_set()
    assert lane.route.around.most_attempts == 3
    lane.looked(SourceInfo(15))
    assert (lane.info, lane.leases.visibility_timeout) == (SourceInfo(15), 15)
    assert not lane.lock.locked()


@pytest.mark.parametrize(
    ("info", "size"),
    [
        ({}, 10),
        ({"ordered": True}, 10),
        ({"max_receive_count": 1}, 10),
        ({"ordered": True, "max_receive_count": 1}, 1),
        ({"ordered": True, "max_receive_count": 2}, 10),
    ],
)
async def test_a_receive_brings_one_alone_where_its_followers_would_be_moved_away_unrun(
    info: dict[str, Any], size: int
) -> None:
    assert lane_of(route_of(), **info).batch_size == size


async def test_what_is_held_already_is_a_duplicate_and_what_others_had_comes_from_elsewhere() -> None:
    told = Told()
    lane = Lane(route_of(), World(queue("orders"), succeed).consumer(), lambda: 5.0, (told,))
    first = Message("1", "x", "r1")
    lane.events.received("orders", 10, [first, first])
    leases = lane.take([first, attrs.evolve(first, receipt="r2"), Message("2", "y", "r", receive_count=2)], 0.0)
    assert [lease.message.id for lease in leases] == ["1", "2"]
    assert leases[0].message.receipt == "r2"
    assert (lane.counts["duplicates"], lane.done) == (1, 2 - 1 - 2)
    assert told.back == [("2", "elsewhere")]
    told.back.clear()
    lane.lost(leases[0], Cause.STOP)
    lane.finished(leases)
    lane.take([attrs.evolve(first, receive_count=2)], 0.0)
    assert told.back == [("1", "stop")], "we know why it comes back"
    lane.take([attrs.evolve(first, receive_count=3, id="1")], 0.0)
    lane.called(Operation.EXTEND, 2.0, None)
    assert told.calls == [("extend", "orders", 3.0, "")]


async def test_no_more_are_remembered_that_come_back_than_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loafer.application.lane.RETURNED", 2)
    assert RETURNED == 10_000
    lane = lane_of(route_of())
    for lease in hold(lane, *"xxx"):
        lane.lost(lease, Cause.STOP)
    assert list(lane._returned) == ["1", "2"]


async def test_why_a_message_comes_back_is_told_once_and_by_what_its_handler_left() -> None:
    told = Told()
    lane = Lane(route_of(), World(queue("orders"), succeed).consumer(), lambda: 0.0, (told,))
    plain, kept, settling, lost, overdue = hold(lane, *"xxxxx")
    kept.kept_for = settling.kept_for = "failed"
    settling.settling, lost.lost, overdue.overdue = True, True, True
    lane.comes_back([plain, kept, settling, lost, overdue], Cause.ORDER)
    assert told.back == [("0", "order"), ("1", "failed"), ("2", "order")]


async def test_the_heartbeat_looks_twelve_times_in_the_shortest_lease_but_neither_too_often_nor_too_seldom() -> None:
    lanes = [lane_of(route_of()) for _ in range(2)]
    heartbeat = Heartbeat(lanes, now, 10, lambda: 0.0, lambda _: None)
    for timeouts, tick in (((30, 6), 0.5), ((30, 30), 1.0), ((12, 12), 1.0), ((0.1, 30), 0.05)):
        for lane, timeout in zip(lanes, timeouts, strict=True):
            lane.leases.visibility_timeout = timeout
        assert heartbeat._tick() == tick
    assert Heartbeat([], now, 10, lambda: 0.0, lambda _: None)._tick() == 1.0


def test_an_answer_is_as_old_as_the_look_before_the_last_one() -> None:
    time = [0.0]
    lookout = Lookout(lambda: time[0])
    assert lookout.earliest(-5) == 0.0
    for time[0] in (10.0, 20.0):
        lookout.looked()
    assert (lookout.earliest(5), lookout.earliest(15)) == (10.0, 15)
    time[0] = 30.0
    assert lookout.look() == 0.0
    assert lookout.earliest(5) == 20.0


async def slots_of(**share: Any) -> tuple[Slots, Lane]:
    lane = lane_of(route_of(share=Share(**share)))
    return Slots(5, 10, Bounds(100), lambda: 0.0, [lane]), lane


async def test_slots_are_taken_and_given_back_one_by_one() -> None:
    slots, lane = await slots_of()
    hold(lane, *"xxx")
    assert slots.next() is None
    slots.ready(lane)
    ready = slots.next()
    assert ready is not None
    assert (ready[1].message.id, slots.running, slots.is_running(lane)) == ("0", 1, True)
    slots.ended(lane, [2.0], 7.0)
    assert (slots.running, slots.is_running(lane), slots.pace.mean, slots.pace.last_end) == (0, False, 2.0, 7.0)
    assert slots.tally(lane).pace.last_end is None, "any number of them can run"


async def test_a_lane_with_a_limit_starts_no_more_and_learns_how_long_its_own_take() -> None:
    slots, lane = await slots_of(max_jobs=2)
    hold(lane, *"xxxx")
    slots.ready(lane)
    assert [slots.next() is not None for _ in range(3)] == [True, True, False]
    slots.ended(lane, [3.0], 1.0)
    assert (slots.tally(lane).pace.mean, slots.tally(lane).pace.last_end) == (3.0, 1.0)
    assert slots.next() is not None, "it has its turn again"
    assert slots.next() is None


async def test_a_lane_that_is_barred_starts_nothing_until_it_is_not() -> None:
    slots, lane = await slots_of()
    hold(lane, *"xx")
    slots.ready(lane)
    slots.bar(lane)
    assert (slots.is_barred(lane), slots.next()) == (True, None)
    slots.ready(lane)
    assert slots.next() is None
    slots.unbar(lane)
    assert not slots.is_barred(lane)
    assert slots.next() is not None


async def test_a_rate_pauses_a_lane_once_and_says_for_how_long() -> None:
    slots, lane = await slots_of(rate=4, burst=1)
    hold(lane, *"xxx")
    slots.ready(lane)
    assert slots.next() is not None
    assert slots.next() is None
    assert slots.pauses == {lane: 0.25}
    slots.pauses.clear()
    slots.ready(lane)
    assert (slots.next(), slots.pauses) == (None, {})
    slots.pause_over(lane)
    slots.ready(lane)
    assert (slots.next(), slots.pauses) == (None, {lane: 0.25})


async def test_a_batch_owes_its_rate_for_each_message_beyond_the_first() -> None:
    slots, lane = await slots_of(rate=4, burst=4)
    slots.more(lane, 3)
    tally = slots.tally(lane)
    assert tally.bucket is not None
    assert (tally.more, tally.bucket.soon(0.0)) == (3, 5)
    slots.more(lane, -3)
    assert (tally.more, tally.bucket.soon(0.0)) == (0, 5)


async def test_seats_that_were_on_their_way_go_back_when_their_receive_is_cancelled() -> None:
    slots, lane = await slots_of()
    slots.seats.pause(lane)
    hungry = asyncio.ensure_future(slots.seats.take(lane))
    await asyncio.sleep(0)
    assert (slots.seats.is_hungry(lane), hungry.done()) == (True, False)
    slots.seats.resume(lane)
    await asyncio.sleep(0)
    assert (slots.seats.is_hungry(lane), hungry.done(), slots.tally(lane).asked) == (False, False, 5)
    hungry.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hungry
    assert slots.tally(lane).asked == 0
    assert await slots.seats.take(lane) == 5


async def test_of_a_batch_each_message_ends_as_its_item_and_else_as_the_call() -> None:
    async def handle(items: list[Item[Any]]) -> None:
        items[0].reject("no")
        items[1].ignore(delay=3)
        raise KeyError("x")

    messages = [Message(str(number), body, "r") for number, body in enumerate(["a", "b", "c", "bad"])]

    def translate(message: Message) -> object:
        return {"content": None if message.body == "bad" else message.body}

    call = BatchCall(handle)
    ended = await deliver_batch(route_of(translate=translate, call=call), call, messages, None, lambda _: True)
    assert [(each.route, each.message.id, each.outcome, each.content) for each in ended] == [
        ("orders", "0", Outcome.REJECTED, "a"),
        ("orders", "1", Outcome.IGNORED, "b"),
        ("orders", "2", Outcome.FAILED, "c"),
        ("orders", "3", Outcome.UNTRANSLATED, None),
    ]
    assert [type(each.error).__name__ for each in ended] == [
        "RejectMessage",
        "IgnoreMessage",
        "KeyError",
        "InvalidTranslation",
    ]
    assert isinstance(ended[0].error, RejectMessage)
    assert isinstance(ended[1].error, IgnoreMessage)


async def test_a_message_is_given_back_with_no_more_delay_than_its_lease_has_left() -> None:
    world = World(queue("orders", "x", visibility_timeout=30), fail, Options(retry_delay=Retry(delay=43_200)))
    told = told_by(world)
    await world.run_for(1)
    assert told.settlements == [("release", ["orders-1"])]
    await asyncio.sleep(43_190)
    assert world.queue.visible == []
    await asyncio.sleep(10)
    assert len(world.queue.visible) == 1
