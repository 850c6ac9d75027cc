"""When a kept message comes back."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.limits import LONGEST_VISIBILITY
from loafer.domain.retry import EXPONENTIAL, FIRST_RETRY, LONGEST_RETRY, Retry, backoff, retry_delay, retry_of
from loafer.exceptions import ConfigurationError, IgnoreMessage, RejectMessage

attempts = st.integers(min_value=1, max_value=10_000)
seconds = st.floats(min_value=0.01, max_value=100)
jitters = st.floats(min_value=0, max_value=1)
policies = st.sampled_from([Retry(), EXPONENTIAL, Retry(delay=0), Retry(delay=17.5), Retry(delay=43_200)])


@given(attempts, seconds, st.floats(min_value=1, max_value=1000), jitters)
def test_a_backoff_is_never_negative_and_never_above_the_longest(
    attempt: int, first: float, longest: float, jitter: float
) -> None:
    assert 0 <= backoff(attempt, first=first, longest=longest, jitter=jitter) <= longest


@given(attempts, seconds)
def test_without_luck_nothing_is_waited_for(attempt: int, first: float) -> None:
    assert backoff(attempt, first=first, longest=60, jitter=0) == 0


@given(attempts, seconds)
def test_with_full_jitter_each_backoff_is_twice_the_one_before_up_to_the_longest(attempt: int, first: float) -> None:
    now, then = (backoff(number, first=first, longest=60, jitter=1) for number in (attempt, attempt + 1))
    assert then == min(60, 2 * now)


@given(seconds)
def test_the_first_backoff_is_the_first(first: float) -> None:
    assert backoff(1, first=first, longest=100, jitter=1) == first


@given(policies, attempts, jitters, st.floats(min_value=0, max_value=LONGEST_VISIBILITY))
def test_what_the_handler_asks_for_goes_before_the_policy(
    policy: Retry, attempt: int, jitter: float, delay: float
) -> None:
    assert retry_delay(policy, IgnoreMessage(delay=delay), attempt, jitter) == delay


@pytest.mark.parametrize("delay", ["30", math.nan, timedelta(seconds=3)])
def test_a_delay_that_is_no_number_is_the_handlers_error(delay: Any) -> None:
    with pytest.raises(ValueError, match="no number of seconds"):
        IgnoreMessage(delay=delay)


@pytest.mark.parametrize(
    ("asked", "given_"), [(-1, 0), (-math.inf, 0), (math.inf, LONGEST_VISIBILITY), (1e9, LONGEST_VISIBILITY)]
)
def test_what_the_handler_asks_for_is_kept_within_what_sqs_accepts(asked: float, given_: float) -> None:
    assert retry_delay(Retry(), IgnoreMessage(delay=asked), 1, 1) == given_


@pytest.mark.parametrize("error", [None, ValueError(), IgnoreMessage("no delay"), RejectMessage(), SystemExit()])
def test_without_a_wish_the_policy_counts(error: BaseException | None) -> None:
    assert retry_delay(Retry(), error, 3, 0.5) is None
    assert retry_delay(Retry(delay=17.5), error, 3, 0.5) == 17.5
    assert retry_delay(EXPONENTIAL, error, 3, 0.5) == 2


@given(attempts, jitters)
def test_an_exponential_delay_stays_within_its_bounds(attempt: int, jitter: float) -> None:
    delay = retry_delay(EXPONENTIAL, None, attempt, jitter)
    assert delay is not None
    assert 0 <= delay <= LONGEST_RETRY
    assert retry_delay(EXPONENTIAL, None, 1, 1) == FIRST_RETRY


@given(attempts, jitters, st.floats(min_value=0, max_value=100), st.floats(min_value=100, max_value=43_200))
def test_a_retry_doubles_from_its_first_delay_to_its_longest(
    attempt: int, jitter: float, first: float, longest: float
) -> None:
    delay = Retry(first=first, longest=longest).after(attempt, jitter)
    assert delay == backoff(attempt, first=first, longest=longest, jitter=jitter)


def test_a_retry_with_one_bound_has_the_usual_other_one() -> None:
    assert Retry(first=5).after(1, 1) == 5
    assert Retry(first=5).after(100, 1) == LONGEST_RETRY
    assert Retry(first=1000).after(100, 1) == 1000
    assert Retry(longest=60).after(1, 1) == FIRST_RETRY
    assert Retry(longest=60).after(100, 1) == 60
    assert Retry(longest=0.5).after(1, 1) == 0.5


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"first": -1}, "Retry(first=-1) cannot be; give 0 to 43200 seconds"),
        ({"delay": math.nan}, "Retry(delay=nan) cannot be; give 0 to 43200 seconds"),
        ({"longest": 43_201}, "Retry(longest=43201) cannot be; give 0 to 43200 seconds"),
        ({"delay": "5"}, "Retry(delay='5') cannot be; give 0 to 43200 seconds"),
        ({"dead_letter_after": 0}, "Retry(dead_letter_after=0) cannot be; give 1 attempt or more"),
        ({"dead_letter_after": 1.5}, "Retry(dead_letter_after=1.5) cannot be; give 1 attempt or more"),
        ({"dead_letter_after": True}, "Retry(dead_letter_after=True) cannot be; give 1 attempt or more"),
        ({"delay": 1, "first": 1}, "Retry: delay= and first= or longest= exclude one another; give the one you mean"),
        ({"first": 9, "longest": 8}, "Retry: the first delay, 9 s, is above the longest, 8 s"),
    ],
)
def test_a_retry_that_cannot_be_is_a_configuration_error_of_one_sentence(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Retry(**wrong)
    assert str(caught.value) == said


def test_what_settings_write_is_a_retry() -> None:
    assert retry_of(None) == Retry()
    assert retry_of("exponential") == Retry(first=1, longest=900)
    assert retry_of(5) == Retry(delay=5)
    assert retry_of(Retry(dead_letter_after=3)) == Retry(dead_letter_after=3)
    with pytest.raises(ConfigurationError):
        retry_of("linear")  # type: ignore[arg-type]


def test_the_smallest_and_the_largest_are_a_retry() -> None:
    Retry(dead_letter_after=1)
    assert Retry(delay=LONGEST_VISIBILITY).delay == LONGEST_VISIBILITY


@pytest.mark.parametrize(
    ("own", "default", "found"),
    [
        (Retry(dead_letter_after=2), Retry(delay=3), Retry(delay=3, dead_letter_after=2)),
        (Retry(dead_letter_after=2), Retry(first=1, dead_letter_after=9), Retry(first=1, dead_letter_after=2)),
        (Retry(delay=1), Retry(delay=3, dead_letter_after=9), Retry(delay=1, dead_letter_after=9)),
        (Retry(longest=5), Retry(dead_letter_after=9), Retry(longest=5, dead_letter_after=9)),
        (Retry(delay=1, dead_letter_after=2), Retry(delay=3, dead_letter_after=9), Retry(delay=1, dead_letter_after=2)),
        (Retry(), Retry(delay=3, dead_letter_after=9), Retry()),
    ],
)
def test_what_a_retry_leaves_unsaid_is_as_the_default_says(own: Retry, default: Retry, found: Retry) -> None:
    assert own.over(default) == found


def test_a_message_is_given_up_at_its_last_attempt_and_never_without_a_limit() -> None:
    assert [Retry(dead_letter_after=2).gives_up_after(attempts) for attempts in (1, 2, 3)] == [False, True, True]
    assert not Retry(delay=1).gives_up_after(1_000_000)
