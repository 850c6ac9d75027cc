import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.rates import BARS, REMEMBERED, Meter, sparkline, summed

NUMBERS = st.floats(0, 1e9)


def meter(*looks: tuple[float, float]) -> Meter:
    made = Meter()
    for at, count in looks:
        made.look(at, count)
    return made


def test_a_rate_is_what_a_count_grew_by_a_second() -> None:
    assert list(meter((10, 100), (12, 120), (13, 120)).rates) == [10, 0]


def test_one_look_tells_no_rate() -> None:
    assert list(meter((10, 100)).rates) == []
    assert meter((10, 100)).mean == 0


def test_a_second_look_at_the_same_time_tells_nothing() -> None:
    assert list(meter((10, 100), (10, 100), (11, 101)).rates) == [1]


def test_a_count_that_has_shrunk_begins_anew() -> None:
    assert list(meter((10, 100), (11, 5), (12, 7)).rates) == [2]


def test_a_clock_that_was_set_back_begins_anew() -> None:
    assert list(meter((10, 100), (5, 110), (6, 113)).rates) == [3]


def test_the_latest_rates_are_remembered_and_their_mean() -> None:
    made = meter(*((at, 2 * at) for at in range(REMEMBERED + 50)))
    assert len(made.rates) == REMEMBERED
    assert made.mean == 2


def test_rows_of_rates_are_added_up_from_their_ends() -> None:
    assert summed([[1, 2, 3], [10], []]) == [1, 2, 13]
    assert summed([]) == []


@pytest.mark.parametrize(
    ("rates", "width", "line"),
    [
        ([], 5, ""),
        ([0, 0], 5, "▁▁"),
        ([0, 1, 2, 4, 7], 5, "▁▂▃▅█"),
        ([9, 0, 7], 2, "▁█"),
        ([1], 0, ""),
        ([1], -1, ""),
        ([0, 7], 1, "█"),
    ],
)
def test_rates_are_drawn_against_the_highest(rates: list[float], width: int, line: str) -> None:
    assert sparkline(rates, width) == line


@given(st.lists(NUMBERS), st.integers(0, 50))
def test_a_line_has_a_bar_a_rate_and_the_highest_is_the_highest(rates: list[float], width: int) -> None:
    line = sparkline(rates, width)
    assert len(line) == min(len(rates), width)
    shown = rates[len(rates) - len(line) :]
    if line and max(shown) > 0:
        assert line[shown.index(max(shown))] == BARS[-1]
        assert set(line) <= set(BARS)


@given(st.lists(st.tuples(NUMBERS, NUMBERS)))
def test_no_rate_is_ever_negative(looks: list[tuple[float, float]]) -> None:
    assert all(rate >= 0 for rate in meter(*looks).rates)
