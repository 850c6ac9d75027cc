"""Metrics of several workers become one, and are written as Prometheus reads them."""

import math
from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.metrics import Across, Family, Labels, Sample, merged, text_of

ORDERS: Labels = (("route", "orders"),)
MAILS: Labels = (("route", "mails"),)


def gauge(*values: float, across: Across = "sum", name: str = "held", labels: Labels = ORDERS) -> Family:
    return Family(name, "gauge", "What is held.", tuple(Sample(labels, value) for value in values), across)


@pytest.mark.parametrize(
    ("across", "values", "one"),
    [
        ("sum", (2, 6), 8),
        ("max", (2, 6), 6),
        ("min", (2, 6), 2),
        ("together", (2, 6), 1.5),
        ("together", (0, 6), 0),
        ("together", (6,), 6),
    ],
)
def test_values_of_several_workers_become_one_in_their_own_way(
    across: Across, values: Sequence[float], one: float
) -> None:
    assert merged([[gauge(value, across=across)] for value in values]) == [gauge(one, across=across)]


def test_families_and_labels_stay_apart_in_the_order_in_which_they_come() -> None:
    first = [gauge(1), gauge(2, name="waiting")]
    second = [gauge(4, labels=MAILS), gauge(8, name="waiting", across="sum"), gauge(16, name="late")]
    held = Family("held", "gauge", "What is held.", (Sample(ORDERS, 1), Sample(MAILS, 4)))
    assert merged([first, second]) == [held, gauge(10, name="waiting"), gauge(16, name="late")]
    assert merged([]) == []


def timed(sums: float, *buckets: int, bounds: tuple[float, ...] = (0.5, 2.0)) -> Family:
    return Family("took", "histogram", "What it took.", (Sample(ORDERS, sums, buckets),), "sum", bounds)


def test_buckets_are_added_up_one_by_one() -> None:
    assert merged([[timed(1.5, 1, 2, 3)], [timed(2.0, 10, 20, 30)]]) == [timed(3.5, 11, 22, 33)]


def test_bounds_are_those_of_a_worker_that_has_some() -> None:
    nothing = attrs.evolve(timed(0), samples=(), bounds=())
    assert merged([[nothing], [timed(1.5, 1, 2, 3)]]) == [timed(1.5, 1, 2, 3)]
    assert merged([[timed(1.5, 1, 2, 3)], [nothing]]) == [timed(1.5, 1, 2, 3)]
    assert merged([[attrs.evolve(nothing, bounds=(9.0,))], [timed(1.5, 1, 2, 3)]]) == [timed(1.5, 1, 2, 3)]


def test_buckets_of_two_versions_are_never_added_up_wrongly() -> None:
    with pytest.raises(ValueError, match="shorter"):
        merged([[timed(1.5, 1, 2, 3)], [timed(1.5, 1, 2)]])


def test_a_counter_is_a_total_and_a_gauge_is_not() -> None:
    counter = Family("done", "counter", "What is done.", (Sample((), 3), Sample(MAILS, 0.5)))
    assert text_of([counter, gauge(1), Family("none", "gauge", "Nothing.", ())]).splitlines() == [
        "# HELP done_total What is done.",
        "# TYPE done_total counter",
        "done_total 3",
        'done_total{route="mails"} 0.5',
        "# HELP held What is held.",
        "# TYPE held gauge",
        'held{route="orders"} 1',
    ]
    assert text_of([gauge(1)]).endswith('held{route="orders"} 1\n')
    assert text_of([]) == ""


def test_each_bucket_of_a_histogram_counts_what_is_below_it_too() -> None:
    assert text_of([timed(4.25, 1, 2, 4)]).splitlines()[2:] == [
        'took_bucket{route="orders",le="0.5"} 1',
        'took_bucket{route="orders",le="2"} 3',
        'took_bucket{route="orders",le="+Inf"} 7',
        'took_sum{route="orders"} 4.25',
        'took_count{route="orders"} 7',
    ]


def test_a_histogram_without_one_of_its_buckets_is_not_written() -> None:
    with pytest.raises(ValueError, match="shorter"):
        text_of([timed(1.5, 1, 2)])


def test_a_summary_is_a_sum_and_a_count() -> None:
    family = Family("took", "summary", "What it took.", (Sample((("a", "x"), ("b", "y")), 2.5, (7,)),))
    assert text_of([family]).splitlines()[1:] == [
        "# TYPE took summary",
        'took_sum{a="x",b="y"} 2.5',
        'took_count{a="x",b="y"} 7',
    ]


def test_a_label_is_escaped() -> None:
    [*_, line] = text_of([gauge(1, labels=(("route", 'a\\b"c\nd'),))]).splitlines()
    assert line == 'held{route="a\\\\b\\"c\\nd"} 1'


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (3.0, "3"), (-2.0, "-2"), (0.1, "0.1"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN")],
)
def test_a_number_is_written_as_short_as_it_is(value: float, written: str) -> None:
    assert text_of([gauge(value, labels=())]).splitlines()[-1] == f"held {written}"


@given(st.floats(allow_nan=False))
def test_a_number_is_read_as_it_was(value: float) -> None:
    assert float(text_of([gauge(value, labels=())]).split()[-1]) == value
