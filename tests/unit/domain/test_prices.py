import pytest

from loafer.domain.prices import CHUNK, MONTH, RECEIVE, Billed, advice_for, chunks_in, together

MANY = 10_000_000


@pytest.mark.parametrize(("size", "chunks"), [(0, 1), (1, 1), (CHUNK, 1), (CHUNK + 1, 2), (1_048_576, 16)])
def test_each_chunk_is_billed_as_a_request(size: int, chunks: int) -> None:
    assert chunks_in(size) == chunks


@pytest.mark.parametrize(
    ("operation", "place", "fair", "dollars"),
    [
        (RECEIVE, "orders", 0, 4.0),
        (RECEIVE, "orders.fifo", MANY, 5.0),
        (RECEIVE, "orders", MANY, 5.0),
        ("publish_batch", "news", 0, 5.0),
    ],
)
def test_the_price_is_that_of_the_kind(operation: str, place: str, fair: int, dollars: float) -> None:
    line = Billed(operation=operation, place=place, calls=1, chunks=MANY, fair=fair)
    assert line.dollars == pytest.approx(dollars)


def test_a_month_is_what_an_hour_was_720_times() -> None:
    line = Billed(operation=RECEIVE, place="orders", calls=180, chunks=200, empty=170, messages=50)
    month = line.a_month(3600)
    assert (month.calls, month.chunks, month.empty, month.messages) == (129_600, 144_000, 122_400, 36_000)
    assert MONTH / 3600 == 720


@pytest.mark.parametrize("operation", ["get_queue_url", "list_topics"])
def test_what_a_start_calls_is_there_once_in_a_month_too(operation: str) -> None:
    line = Billed(operation=operation, place="orders", calls=2, chunks=2)
    assert line.a_month(10) == line


def test_workers_are_added_up_and_what_costs_most_is_first() -> None:
    small = Billed(operation="get_queue_url", place="orders", calls=1, chunks=1)
    one = Billed(operation=RECEIVE, place="orders", calls=10, chunks=10, empty=5)
    assert together([small, one, one])[0] == Billed(operation=RECEIVE, place="orders", calls=20, chunks=20, empty=10)
    assert [line.operation for line in together([small, one])] == [RECEIVE, "get_queue_url"]


def receiving(**figures: float) -> Billed:
    said = {"calls": MANY, "chunks": MANY, "wait": 20, "most": 10, "messages": MANY, **figures}
    return Billed(operation=RECEIVE, place="orders", **said)  # type: ignore[arg-type]


def test_a_longer_wait_saves_empty_receives() -> None:
    [advice] = advice_for([receiving(empty=MANY, wait=5, messages=0)])
    assert (advice.place, advice.text) == ("orders", "WaitTimeSeconds 20 instead of 5: fewer empty receives")
    assert advice.dollars == pytest.approx(3.0)


def test_larger_batches_save_full_receives() -> None:
    [advice] = advice_for([receiving(most=5, messages=MANY * 5)])
    assert (advice.place, advice.text) == ("orders", "MaxNumberOfMessages 10 instead of 5: fewer full receives")
    assert advice.dollars == pytest.approx(2.0)


def test_nothing_is_advised_where_it_would_save_nothing() -> None:
    assert list(advice_for([receiving(empty=MANY), receiving(most=5), receiving(calls=10, empty=10, wait=1)])) == []


def test_a_larger_batch_that_saves_next_to_nothing_is_not_advised() -> None:
    assert list(advice_for([receiving(most=5, calls=10, messages=50)])) == []


def test_advice_is_of_the_receives_alone_whatever_stands_before_them() -> None:
    start = Billed(operation="get_queue_url", place="orders", calls=1, chunks=1)
    assert len(list(advice_for([start, receiving(empty=MANY, wait=5, messages=0)]))) == 1


def test_a_shorter_wait_that_brings_something_each_time_is_right() -> None:
    assert list(advice_for([receiving(wait=5)])) == []


def test_a_longer_wait_is_no_use_where_it_is_the_longest() -> None:
    assert list(advice_for([receiving(wait=20, empty=MANY)])) == []


@pytest.mark.parametrize(
    ("wait", "dollars"), [(0, 3.8), (0.5, 3.8), (1, 3.8), (2, 3.6), (19, 0.2), (20, None), (21, None)]
)
def test_a_wait_saves_what_it_is_short_of_the_longest(wait: float, dollars: float | None) -> None:
    found = [advice.dollars for advice in advice_for([receiving(empty=MANY, wait=wait, messages=0)])]
    assert found == ([] if dollars is None else [pytest.approx(dollars)])


@pytest.mark.parametrize(
    ("most", "messages", "dollars"),
    [(0, MANY, None), (1, MANY, 3.6), (1, 0.8 * MANY, None), (5, 4.1 * MANY, 2.0), (10, 10 * MANY, None)],
)
def test_a_batch_saves_what_it_is_short_of_the_largest_where_nearly_all_are_full(
    most: int, messages: float, dollars: float | None
) -> None:
    found = [advice.dollars for advice in advice_for([receiving(most=most, messages=messages)])]
    assert found == ([] if dollars is None else [pytest.approx(dollars)])


def test_a_cent_a_month_is_worth_saying() -> None:
    assert [advice.dollars for advice in advice_for([receiving(empty=50_000, wait=10, messages=0)])] == [0.01]
    assert [advice.dollars for advice in advice_for([receiving(calls=50_000, most=5, messages=250_000)])] == [0.01]


def test_receives_that_brought_nothing_are_none_that_a_larger_batch_saves() -> None:
    [advice] = advice_for([receiving(most=5, empty=MANY / 2, messages=MANY * 2.5)])
    assert advice.dollars == pytest.approx(1.0)
