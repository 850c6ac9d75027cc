import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.retry import Retry
from loafer.entrypoints.settings import parsers

TOPIC = "arn:aws:sns:sa-east-1:123456789012:orders"


@pytest.mark.parametrize("text", [TOPIC, f" {TOPIC}, {TOPIC}.fifo", f"{TOPIC}\n{TOPIC}.fifo,", f"{TOPIC},{TOPIC}.fifo"])
def test_topics_are_arns_with_commas_or_blanks_between(text: str) -> None:
    assert parsers.topics(text) in {(TOPIC,), (TOPIC, f"{TOPIC}.fifo")}


def test_topics_are_unset_by_none_alone() -> None:
    assert parsers.topics("None") is None
    for empty in ("", "  ", ","):
        with pytest.raises(ValueError, match="empty; give ARNs of topics such as arn:aws:sns:"):
            parsers.topics(empty)


@pytest.mark.parametrize("text", ["orders", f"{TOPIC},orders", TOPIC.replace("sns", "sqs"), f"{TOPIC};{TOPIC}"])
def test_topics_that_are_no_arns_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no ARN of a topic; give ARNs"):
        parsers.topics(text)


@given(st.integers(1, 10**17))
def test_every_whole_number_from_the_least_on_is_taken(number: int) -> None:
    assert parsers.whole_number(1)(str(number)) == number


@given(st.integers(-(10**17), 0))
def test_a_number_below_the_least_is_too_small(number: int) -> None:
    with pytest.raises(ValueError, match="too small; give 1 or more"):
        parsers.whole_number(1)(str(number))


@pytest.mark.parametrize("value", ["", "ten", "1.0", "1_000", "\u0661", "1e3", "9" * 5000, "None"])
def test_what_is_not_a_whole_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a whole number; give 1 or more"):
        parsers.whole_number(1)(value)


@given(st.floats(0, 10**6))
def test_finite_seconds_are_taken(number: float) -> None:
    assert parsers.seconds()(repr(number)) == number


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "", "soon"])
def test_seconds_are_finite_numbers(value: str) -> None:
    with pytest.raises(ValueError, match="not a number of seconds; give 0 or more"):
        parsers.seconds()(value)


def test_seconds_out_of_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match="out of range; give 0 or more"):
        parsers.seconds()("-1")
    with pytest.raises(ValueError, match="out of range; give more than 0"):
        parsers.seconds(above=0)("0")


@pytest.mark.parametrize("value", ["", "None", "none", " NONE "])
def test_none_and_nothing_mean_unset(value: str) -> None:
    assert parsers.optional(parsers.whole_number(1))(value) is None
    assert parsers.retry_delay(value) == Retry()


def test_a_retry_delay_is_seconds_or_exponential() -> None:
    assert parsers.retry_delay("Exponential") == Retry(first=1, longest=900)
    assert parsers.retry_delay("43200") == Retry(delay=43200)
    for value in ("43201", "-1", "nan", "linear"):
        with pytest.raises(ValueError, match="give 0 to 43200 seconds, or 'exponential'"):
            parsers.retry_delay(value)


@pytest.mark.parametrize(("value", "name"), [("debug", "DEBUG"), ("Warning", "WARNING"), (" ERROR ", "ERROR")])
def test_a_log_level_is_a_name_in_any_case(value: str, name: str) -> None:
    assert parsers.log_level(value) == name


def test_an_unknown_log_level_is_refused() -> None:
    with pytest.raises(ValueError, match="no log level; give DEBUG"):
        parsers.log_level("LOUD")


@pytest.mark.parametrize("value", ["", "%(nothing)s", "%(asctime)d", "plain", "%(message"])
def test_a_log_format_that_logging_cannot_use_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="no log format"):
        parsers.log_format(value)


def test_a_log_format_stays_as_it_is() -> None:
    assert parsers.log_format(" %(message)s ") == " %(message)s "
    of_messages = "%(message_id)s %(route)s %(attempt)s %(group)s %(latency)s"
    assert parsers.log_format(of_messages) == of_messages


def test_text_is_not_empty() -> None:
    assert parsers.text("a name")(" orders ") == "orders"
    with pytest.raises(ValueError, match="empty; give a name"):
        parsers.text("a name")("  ")
