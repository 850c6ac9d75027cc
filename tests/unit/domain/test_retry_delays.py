"""When a kept message comes back."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.limits import LONGEST_VISIBILITY
from loafer.domain.retry import FIRST_RETRY, LONGEST_RETRY, RetryDelay, backoff, retry_delay
from loafer.exceptions import IgnoreMessage, RejectMessage

attempts = st.integers(min_value=1, max_value=10_000)
seconds = st.floats(min_value=0.01, max_value=100)
jitters = st.floats(min_value=0, max_value=1)
EXPONENTIAL: RetryDelay = "exponential"
policies = st.sampled_from([None, EXPONENTIAL, 0.0, 17.5, 43_200.0])


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
    policy: RetryDelay, attempt: int, jitter: float, delay: float
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
    assert retry_delay(None, IgnoreMessage(delay=asked), 1, 1) == given_


@pytest.mark.parametrize("error", [None, ValueError(), IgnoreMessage("no delay"), RejectMessage(), SystemExit()])
def test_without_a_wish_the_policy_counts(error: BaseException | None) -> None:
    assert retry_delay(None, error, 3, 0.5) is None
    assert retry_delay(17.5, error, 3, 0.5) == 17.5
    assert retry_delay("exponential", error, 3, 0.5) == 2


@given(attempts, jitters)
def test_an_exponential_delay_stays_within_its_bounds(attempt: int, jitter: float) -> None:
    delay = retry_delay("exponential", None, attempt, jitter)
    assert delay is not None
    assert 0 <= delay <= LONGEST_RETRY
    assert retry_delay("exponential", None, 1, 1) == FIRST_RETRY
