"""The account of one lane: what it holds, what it may hold, and how much of that could start."""

from typing import Any

import attrs
import pytest
from world import World, queue

from loafer.application.handler import ThreadHandler
from loafer.application.lane import Lane
from loafer.application.pool import ThreadPool
from loafer.application.route import BatchCall, Route
from loafer.application.tally import LOOK, Tally
from loafer.application.threads import Threads
from loafer.domain.demand import Bounds, Room
from loafer.domain.lease import Lease
from loafer.domain.message import Message
from loafer.domain.share import Bucket, Share
from loafer.ports.consumer import SourceInfo


async def handle(_: Any) -> None: ...


def route_of(**changes: Any) -> Route:
    return attrs.evolve(World(queue("orders"), handle).route(), **changes)


def lane_of(route: Route, **info: Any) -> Lane:
    lane = Lane(route, route.consumer(), lambda: 0.0)
    lane.opened(SourceInfo(30, **info))
    return lane


def hold(lane: Lane, *bodies: str, group: str | None = None) -> list[Lease]:
    first = len(lane.leases)
    messages = [Message(f"{first + number}", body, "r", group=group) for number, body in enumerate(bodies)]
    leases = lane.take(messages, 0.0)
    lane.order.add(leases)
    return leases


def counted(tally: Tally, lane: Lane, total: Tally, bounds: Bounds) -> None:
    tally.count(lane.order, lane.leases, total, bounds)


@pytest.fixture
async def lane() -> Lane:
    return lane_of(route_of())


async def test_it_begins_with_what_its_route_says(pool: ThreadPool) -> None:
    pool.threads = Threads(pool.most)
    plain = Tally.of(route_of(), 7, 1, 0.0)
    assert (plain.batch, plain.limit, plain.threads, plain.at_once) == (1, None, None, None)
    assert (plain.bucket, plain.prefetch, plain.pipeline, plain.stride) == (None, 7, None, 1.0)
    assert Tally.of(route_of(), None, 1, 0.0).pipeline is not None
    share = Share(max_jobs=3, weight=4, rate=20, burst=5, prefetch=6)
    given = Tally.of(route_of(call=ThreadHandler(handle, pool), share=share), 7, 2, 9.0)
    assert (given.limit, given.threads, given.at_once) == (3, pool.threads, min(3, pool.most))
    assert (given.bucket, given.prefetch, given.stride) == (Bucket(20, 5, 9.0), 6, 0.5)
    many = Tally.of(route_of(call=BatchCall(handle, size=25)), 7, 1, 0.0)
    assert (many.batch, many.prefetch) == (25, 50)


def test_a_start_brings_it_on_by_its_stride_and_an_end_gives_back_what_it_took() -> None:
    tally = Tally(threads=Threads(5, taken=1), stride=0.5, running=1, passed=2.0)
    tally.take_turn()
    assert tally.threads is not None
    assert (tally.running, tally.passed, tally.threads.taken) == (2, 2.5, 2)
    tally.free(1)
    assert (tally.running, tally.passed, tally.threads.taken) == (1, 2.5, 1)


async def test_what_waits_runs_and_is_asked_for_has_a_seat_and_the_rest_is_being_settled(lane: Lane) -> None:
    bounds, total = Bounds(100), Tally(waiting=10, seated=20, settling=30)
    hold(lane, *["x" * 100] * 6)
    for _ in range(3):
        lane.order.next()
    tally = Tally(running=2, asked=4)  # of the three that are not in the order one is being settled
    counted(tally, lane, total, bounds)
    assert (tally.waiting, tally.seated, tally.settling) == (3, 9, 1)
    assert (total.waiting, total.seated, total.settling) == (13, 29, 31)
    assert tally.size == lane.leases.size + 4 * lane.leases.largest
    assert tally.shared == 0.0
    counted(tally, lane, total, bounds)
    assert (total.waiting, total.seated, total.settling) == (13, 29, 31), "again is as if once"
    lane.order.next()
    tally.running, tally.asked = 3, 0
    counted(tally, lane, total, bounds)
    assert (total.waiting, total.seated, total.settling) == (12, 25, 31)


async def test_bytes_beyond_what_a_lane_has_for_itself_are_taken_from_what_all_share(lane: Lane) -> None:
    bounds, total, tally = Bounds(100, 4000, routes=4), Tally(shared=7.0), Tally(asked=2)
    assert bounds.part == 500.0
    hold(lane, "x" * 400, "x" * 300)
    lane.leases.largest = 400
    size = lane.leases.size + 2 * lane.leases.largest
    for _ in range(2):
        counted(tally, lane, total, bounds)
        assert (tally.size, tally.shared, total.shared) == (size, size - 500, size - 500 + 7)
    tally.asked = 0
    counted(tally, lane, total, bounds)
    assert total.shared == lane.leases.size - 500 + 7


async def test_one_message_that_is_larger_than_a_lanes_part_takes_nothing_of_what_all_share(lane: Lane) -> None:
    total, tally = Tally(), Tally()
    hold(lane, "x" * 900)
    lane.leases.largest = 900
    counted(tally, lane, total, Bounds(100, 4000, routes=4))
    assert (tally.shared, total.shared) == (0.0, 0.0)


async def test_of_a_batch_what_waits_for_others_has_a_seat_and_a_whole_batch_wants_one_slot() -> None:
    route = route_of(call=BatchCall(handle, size=4))
    lane, total = lane_of(route), Tally()
    tally = Tally.of(route, 10, 1, 0.0)
    hold(lane, *"x" * 9)
    tally.asked, tally.more = 2, 3
    tally.running = 1
    counted(tally, lane, total, Bounds(100))
    assert (tally.waiting, tally.seated) == (2, 9 + 4 + 2)
    assert total.seated == 15


async def test_jobs_that_wait_for_a_thread_are_counted_among_all_that_do(lane: Lane) -> None:
    threads = Threads(5, waiting=1)
    tally = Tally(threads=threads)
    hold(lane, "x", "x")
    for _ in range(2):
        counted(tally, lane, Tally(), Bounds(100))
        assert threads.waiting == 3
    lane.order.next()
    counted(tally, lane, Tally(), Bounds(100))
    assert threads.waiting == 2


async def test_a_lane_that_is_barred_or_paused_has_no_room(lane: Lane) -> None:
    bounds = Bounds(100, 400 * 1024 * 1024)
    assert Tally().headroom(lane, Tally(seated=40), bounds) == 60
    assert Tally(barred=True).headroom(lane, Tally(seated=40), bounds) == 0
    assert Tally(paused=True).headroom(lane, Tally(seated=40), bounds) == 0
    assert Tally().headroom(lane, Tally(settling=101), bounds) == 0


async def test_a_lane_has_room_for_as_many_bodies_as_the_bytes_that_are_left_to_it(lane: Lane) -> None:
    lane.leases.largest, bounds = 100, Bounds(1000, 4000, routes=2)
    tally = Tally(size=500.0)
    assert tally.headroom(lane, Tally(shared=400.0), bounds) == 5 + 16
    assert tally.headroom(lane, Tally(shared=2000.0), bounds) == 5
    assert Tally(size=1500.0).headroom(lane, Tally(shared=400.0), bounds) == 16


async def test_on_a_fifo_queue_what_waits_behind_its_head_is_bounded_too() -> None:
    lane = lane_of(route_of(), ordered=True)
    hold(lane, *"xxxx", group="a")
    bounds = Bounds(100, followers=10)
    assert Tally(asked=2).headroom(lane, Tally(), bounds) == 10 - 3 - 2
    assert Tally().headroom(lane, Tally(seated=97), bounds) == 3


async def test_room_is_what_is_asked_for_and_what_waits_beside_what_could_start(lane: Lane) -> None:
    hold(lane, "x", "x")
    room = Tally(asked=3, prefetch=10).room(lane, 50, free=4, soon=5, now=0.0)
    assert room == Room(prefetch=10, waiting=2, asked=3, startable=9, headroom=50)


async def test_what_its_queue_moves_away_after_one_receive_is_not_asked_for_ahead_of_a_free_slot() -> None:
    for count, startable in ((1, 4), (2, 9), (None, 9)):
        lane = lane_of(route_of(), max_receive_count=count)
        assert Tally(prefetch=10).room(lane, 50, free=4, soon=5, now=0.0).startable == startable


async def test_where_nobody_says_how_many_seats_there_are_they_are_measured(lane: Lane) -> None:
    route = route_of()
    tally = Tally.of(route, None, 1, 0.0)
    assert tally.pipeline is not None
    hold(lane, "x", "x")
    for ahead, free, seats in ((0, 4, 6), (10, 4, 16), (10, -9, 11), (10_000, 4, tally.prefetch)):
        tally.pipeline.ahead = ahead
        assert tally.room(lane, 50, free=free, soon=0, now=0.0).prefetch == seats


async def test_of_a_lane_that_collects_batches_all_that_is_there_waits() -> None:
    route = route_of(call=BatchCall(handle, size=4))
    lane = lane_of(route)
    hold(lane, "x", "x", "x")
    assert lane.order.startable == 0
    room = Tally.of(route, 10, 1, 0.0).room(lane, 50, free=2, soon=0, now=0.0)
    assert (room.waiting, room.startable) == (3, 2 * 4)


def test_no_more_can_start_than_its_own_limit_leaves() -> None:
    tally = Tally(limit=5, at_once=5, running=2, waiting=1)
    assert tally.startable(10, 0, 0.0) == 2
    assert tally.startable(1, 0, 0.0) == 1
    tally.pace.ended([0.5], 0.0)  # five that take half a second each: ten start soon
    assert tally.startable(10, 1, 0.0) == 11
    assert tally.startable(10, 5, 0.0) == 12
    assert tally.startable(10, 0, 0.0) == 2, "soon is not now"


def test_no_more_can_start_than_find_a_thread() -> None:
    threads = Threads(8, taken=3, waiting=1)
    tally = Tally(threads=threads, at_once=8)
    assert tally.startable(10, 0, 0.0) == 4
    tally.pace.ended([4.0], 0.0)  # eight that take four seconds each: two start soon
    assert tally.startable(10, 3, 0.0) == 6


def test_threads_that_another_lane_keeps_busy_with_quick_functions_are_free_soon() -> None:
    threads = Threads(2, taken=2, waiting=5)
    tally = Tally(threads=threads, at_once=2)
    assert tally.startable(10, 5, 0.0) == 0
    threads.ended(0.5)
    threads.learn(0.0)  # four start soon
    assert tally.startable(10, 5, 0.0) == 4
    assert tally.startable(10, 0, 0.0) == 0, "soon is not now"
    assert tally.startable(10, 5, 1.1) == 0, "nothing has ended for a second"


async def test_no_more_can_start_than_its_rate_lets_within_a_second() -> None:
    lane = lane_of(route_of(share=Share(rate=20, burst=5)))
    hold(lane, "x", "x", "x", "x")
    tally = Tally.of(lane.route, 50, 1, 0.0)
    assert tally.room(lane, 500, free=100, soon=0, now=0.0).startable == 21
    assert tally.room(lane, 500, free=3, soon=0, now=0.0).startable == 3
    assert Tally(batch=10).startable(3, 1, 0.0) == 40


@pytest.mark.parametrize(("batch", "first", "next_"), [(1, 5, 3), (3, 6, 3), (7, 7, 7)])
async def test_where_one_receive_is_all_no_more_can_start_than_its_rate_lets_now(
    batch: int, first: int, next_: int
) -> None:
    call = handle if batch == 1 else BatchCall(handle, size=batch)
    lane = lane_of(route_of(share=Share(rate=20, burst=5), call=call), max_receive_count=1)
    tally = Tally.of(lane.route, 50, 1, 0.0)
    assert tally.room(lane, 500, free=100, soon=100, now=0.0).startable == first
    assert tally.bucket is not None
    for _ in range(-(-5 // batch)):
        assert tally.bucket.take(0.0)
        tally.bucket.owe(batch - 1)
    assert tally.room(lane, 500, free=100, soon=100, now=0.0).startable == 0
    assert tally.room(lane, 500, free=100, soon=100, now=0.15).startable == next_, "three tokens have come in"


async def test_there_a_batch_that_begins_is_counted_to_what_its_rate_lets_start() -> None:
    lane = lane_of(route_of(share=Share(rate=20, burst=5), call=BatchCall(handle, size=7)), max_receive_count=1)
    hold(lane, "x", "x", "x")
    tally = Tally.of(lane.route, 50, 1, 0.0)
    assert tally.room(lane, 500, free=100, soon=0, now=0.0).startable == 7 - 3
    assert tally.room(lane, 500, free=1, soon=0, now=0.0).startable == 7 - 3


def test_a_lane_that_waits_for_its_rate_is_looked_at_again_once_there_may_be_a_token() -> None:
    assert Tally().next_look(0.0) is None
    tally = Tally(bucket=Bucket(4, 1, 0.0))
    assert tally.bucket is not None
    assert tally.bucket.take(0.0)
    assert tally.next_look(0.0) == 0.25
    assert tally.will_look
    assert tally.next_look(0.0) is None, "it will be looked at already"
    tally.will_look = False
    assert tally.next_look(0.2) == pytest.approx(0.05)
    tally.will_look = False
    assert tally.next_look(0.249) == LOOK
    tally.will_look = False
    tally.bucket.owe(100)
    assert tally.next_look(0.25) == 0.25, "a batch may have taken many in advance"
