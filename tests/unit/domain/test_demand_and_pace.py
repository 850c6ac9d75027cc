"""How many messages to ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.demand import SOON, Bounds, Pace, Pipeline, Room, demand, is_full

rooms = st.builds(
    Room,
    prefetch=st.integers(1, 50),
    waiting=st.integers(0, 60),
    asked=st.integers(0, 60),
    startable=st.integers(-20, 100),
    headroom=st.integers(-20, 100),
)
batch_sizes = st.integers(1, 10)


@given(rooms, batch_sizes)
def test_never_more_is_asked_for_than_there_is_room_for(room: Room, batch_size: int) -> None:
    wanted = demand(room, batch_size)
    assert 0 <= wanted <= batch_size
    assert wanted <= max(0, room.prefetch - room.waiting - room.asked)
    assert wanted <= max(0, room.headroom)


@given(rooms, batch_sizes)
def test_never_more_is_asked_for_than_can_start_soon(room: Room, batch_size: int) -> None:
    assert demand(room, batch_size) <= max(0, room.startable - room.asked)


@given(rooms, batch_sizes)
def test_an_empty_room_is_filled_as_soon_as_anything_can_start(room: Room, batch_size: int) -> None:
    empty = Room(room.prefetch, 0, 0, room.startable, room.headroom)
    possible = min(room.prefetch, room.startable, room.headroom, batch_size)
    assert demand(empty, batch_size) == max(0, possible)


@pytest.mark.parametrize(
    ("room", "asked_for"),
    [
        (Room(prefetch=10, waiting=0, asked=0, startable=100, headroom=100), 10),
        (Room(prefetch=10, waiting=6, asked=0, startable=100, headroom=100), 0),
        (Room(prefetch=10, waiting=5, asked=0, startable=100, headroom=100), 5),
        (Room(prefetch=10, waiting=0, asked=5, startable=100, headroom=100), 5),
        (Room(prefetch=10, waiting=0, asked=6, startable=100, headroom=100), 0),
        (Room(prefetch=10, waiting=0, asked=0, startable=3, headroom=100), 3),
        (Room(prefetch=10, waiting=0, asked=0, startable=100, headroom=2), 2),
        (Room(prefetch=10, waiting=0, asked=0, startable=0, headroom=100), 0),
        (Room(prefetch=1, waiting=0, asked=0, startable=1, headroom=1), 1),
        (Room(prefetch=40, waiting=20, asked=0, startable=100, headroom=100), 10),
    ],
)
def test_a_receive_is_put_off_until_it_brings_half_of_what_there_is_room_for(room: Room, asked_for: int) -> None:
    assert demand(room, 10) == asked_for


@given(rooms, batch_sizes)
def test_a_full_room_is_one_that_asks_for_nothing_however_much_can_start(room: Room, batch_size: int) -> None:
    unlimited = Room(room.prefetch, room.waiting, room.asked, startable=10**9, headroom=10**9)
    assert is_full(room, batch_size) == (demand(unlimited, batch_size) == 0)


@given(rooms.filter(lambda room: is_full(room, 10)))
def test_a_full_room_asks_for_nothing(room: Room) -> None:
    assert demand(room, 10) == 0


def test_before_a_handler_has_ended_nobody_can_tell_what_starts_soon() -> None:
    assert Pace().starts_soon(10, 0) == 0


def test_what_starts_soon_follows_from_the_handling_times() -> None:
    pace = Pace()
    pace.ended([0.5], now=10)
    assert pace.starts_soon(10, 10) == 20
    pace.ended([1.5], now=10)
    assert pace.mean == pytest.approx(0.6)


def test_slow_handlers_leave_nothing_to_start_soon() -> None:
    pace = Pace()
    pace.ended([11], now=0)
    assert pace.starts_soon(10, 0) == 0


def test_a_pace_that_is_older_than_a_second_tells_nothing() -> None:
    pace = Pace()
    pace.ended([0.1], now=10)
    assert pace.starts_soon(1, 11) == 10
    assert pace.starts_soon(1, 11.1) == 0


@given(st.lists(st.floats(0, 100), min_size=1), st.integers(1, 1000))
def test_the_mean_stays_among_the_times_that_were_measured(times: list[float], slots: int) -> None:
    pace = Pace()
    for seconds in times:
        pace.ended([seconds], now=0)
    assert min(times) - 1e-9 <= pace.mean <= max(times) + 1e-9
    assert 0 <= pace.starts_soon(slots, 0) <= 1e9


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 100), st.integers(1, 50))
def test_handlers_that_end_together_count_as_if_one_by_one_after_their_mean(
    before: list[float], seconds: float, handlers: int
) -> None:
    together, single = Pace(), Pace()
    for pace in (together, single):
        pace.ended(before, now=0)
    together.ended([seconds] * handlers, now=1)
    for _ in range(handlers):
        single.ended([seconds], now=1)
    assert together.mean == pytest.approx(single.mean, abs=1e-9)
    assert together.last_end == single.last_end == 1


def pipeline(latency: float, pace: float, receives: int = 200) -> Pipeline:
    """Return what is measured where receives take so long, one every 10 ms, and so many messages are done a second."""
    measured = Pipeline()
    for number in range(receives):
        measured.received(latency, int(pace * number * 0.01), number * 0.01, 10)
    return measured


def test_before_anything_has_come_nothing_goes_ahead() -> None:
    assert Pipeline().ahead == 0


@pytest.mark.parametrize(
    ("latency", "pace", "ahead"),
    [
        (0.02, 5000, 200),
        (0.02, 1000, 40),
        (0.001, 1000, 20),  # two whole receives
        (0.001, 20, 10),  # one: two would wait for a second
        (0.5, 100, 100),
        (1, 100, 100),  # what is done in a second, and no more
        (20, 100, 100),
    ],
)
def test_what_is_done_in_the_time_of_two_receives_goes_ahead(latency: float, pace: float, ahead: int) -> None:
    assert pipeline(latency, pace).ahead == pytest.approx(ahead, rel=0.1)


def test_a_pipeline_forgets_a_lull_within_a_few_receives() -> None:
    measured = pipeline(0.02, 10)
    for number in range(1, 101):
        measured.received(0.02, 20 + 10 * number, 2 + number * 0.01, 10)
    assert measured.pace == pytest.approx(1000, rel=0.05)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 500), st.floats(0, 30)), max_size=30), batch_sizes)
def test_never_more_goes_ahead_than_is_done_in_a_second_but_for_one_receive(
    receives: list[tuple[float, int, float]], batch_size: int
) -> None:
    measured, done, now = Pipeline(), 0, 0.0
    for seconds, more, later in receives:
        done, now = done + more, now + later
        measured.received(seconds, done, now, batch_size)
        assert measured.latency <= SOON
        assert measured.pace >= 0
        assert batch_size <= measured.ahead <= max(batch_size, measured.pace * SOON)


@given(
    st.integers(1, 6),
    st.integers(10, 500),
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 10), st.booleans()), max_size=100),
)
def test_bodies_stay_under_their_bound_over_all_routes(
    routes: int, largest: int, events: list[tuple[int, int, bool]]
) -> None:
    bounds = Bounds(seats=10**6, size=6000, routes=routes)
    held = [0] * routes
    for place, messages, asks in events:
        route = place % routes
        if asks:
            shared = sum(max(0.0, size - max(bounds.part, largest)) for size in held)
            held[route] += min(messages, max(0, bounds.bodies(held[route], shared, largest))) * largest
        else:
            held[route] -= min(messages * largest, held[route])
        assert sum(held) <= 6000
    for route in range(routes):
        if not held[route]:
            assert bounds.bodies(0, 6000, largest) >= 1, "a route that holds nothing may always ask"


@pytest.mark.parametrize(
    ("size", "shared", "bodies"),
    [
        (0, 0, 5),  # its own part of half of the bytes, and nothing of what nobody has for himself
        (2, 0, 13),  # what is left of its part, and the half that nobody has for himself
        (2, 4, 9),
        (5, 0, 10),
        (9, 0, 10),
        (5, 10, 0),
        (5, 20, 0),
        (3.5, 9.5, 2),
    ],
)
def test_a_route_has_a_part_of_the_bytes_for_itself_and_what_is_left_of_the_half_that_nobody_has(
    size: float, shared: float, bodies: int
) -> None:
    assert Bounds(10, size=20, routes=2).bodies(size, shared, 1.0) == bodies


def test_a_route_may_always_ask_for_one_body_however_large() -> None:
    bounds = Bounds(10, size=20, routes=10)
    assert (bounds.bodies(0, 10, 7.0), bounds.bodies(7, 10, 7.0)) == (1, 0)


def test_what_goes_ahead_is_a_whole_receive_at_least_and_two_where_they_are_done_in_half_a_second() -> None:
    def ahead(pace: float, latency: float) -> int:
        pipeline = Pipeline()
        pipeline.received(latency, 0, 0.0, 10)
        pipeline.received(latency, int(pace * 100), 100.0, 10)
        return pipeline.ahead

    assert [ahead(1, 0.01), ahead(30, 0.01), ahead(40, 0.01), ahead(1000, 0.001)] == [10, 15, 20, 20]
    assert [ahead(1000, 0.02), ahead(1000, 0.4), ahead(1000, 3)] == [40, 800, 1000]
