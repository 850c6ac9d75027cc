"""For how many messages a source is asked, by example."""

import pytest

from loafer.domain.demand import Bounds, Pace, Room, demand


@pytest.mark.parametrize(
    ("seats", "seated", "settling", "room"),
    [(30, 10, 0, 20), (30, 10, 30, 20), (30, 10, 31, 0), (30, 0, 61, 0), (4, 1, 36, 3), (4, 1, 37, 0)],
)
def test_nothing_more_has_a_seat_while_settlements_wait_to_their_bound(
    seats: int, seated: int, settling: int, room: int
) -> None:
    assert Bounds(seats).headroom(seated, settling) == room


def test_of_handlers_that_take_no_time_a_billion_may_start_soon_and_no_more() -> None:
    pace = Pace()
    pace.ended([0.0], 0)
    assert (pace.starts_soon(10, 0), pace.starts_soon(100, 0)) == (10**9, 10**9)


@pytest.mark.parametrize(
    ("prefetch", "waiting", "asked", "startable", "wanted"),
    [
        (2, 1, 0, 9, 1),
        (3, 0, 2, 9, 1),
        (3, 1, 0, 9, 2),
        (9, 6, 0, 9, 0),
        (9, 5, 0, 9, 4),
        (9, 0, 0, 1, 1),
        (0, 0, 0, 9, 0),
    ],
)
def test_a_receive_waits_until_it_can_bring_half_of_what_there_is_room_for(
    prefetch: int, waiting: int, asked: int, startable: int, wanted: int
) -> None:
    assert demand(Room(prefetch, waiting, asked, startable, headroom=99), 10) == wanted
