"""What a route may have of what all share."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.share import NEARLY, Bucket, Share
from loafer.exceptions import ConfigurationError


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"max_jobs": 0}, "max_jobs=0 cannot be; give a whole number, 1 or more"),
        ({"max_jobs": True}, "max_jobs=True cannot be"),
        ({"prefetch": 1.5}, "prefetch=1.5 cannot be"),
        ({"weight": 0}, "weight=0 cannot be; give a number above 0"),
        ({"rate": float("inf")}, "rate=inf cannot be"),
        ({"rate": "fast"}, "rate='fast' cannot be"),
        ({"burst": 5}, "burst=5 without rate"),
    ],
)
def test_a_share_that_cannot_be_is_refused_in_one_sentence(given_: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Share(**given_)
    assert said in str(caught.value)


@given(
    rate=st.floats(0.1, 1000),
    burst=st.integers(1, 50),
    steps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_no_more_is_taken_than_came_in_and_was_saved(rate: float, burst: int, steps: list[float]) -> None:
    bucket, now, taken = Bucket(rate, burst, 0.0), 0.0, 0
    for step in steps:
        now += step
        while bucket.take(now):
            taken += 1
        assert taken <= burst + rate * now + 1e-6


@given(rate=st.floats(0.1, 1000), burst=st.integers(1, 50))
def test_after_the_wait_there_is_a_token(rate: float, burst: int) -> None:
    bucket = Bucket(rate, burst, 0.0)
    while bucket.take(0.0):
        pass
    wait = bucket.wait(0.0)
    assert 0 < wait <= 1 / rate
    assert not bucket.take(wait / 2)
    assert bucket.take(wait + 1e-6)


def test_a_share_without_a_rate_has_no_bucket() -> None:
    assert Share().bucket(0.0) is None


@pytest.mark.parametrize("least", [{"max_jobs": 1}, {"prefetch": 1}, {"rate": 0.5, "burst": 1}, {"weight": 0.01}])
def test_a_share_may_be_as_small_as_one_slot_or_a_fraction_of_a_turn(least: dict[str, Any]) -> None:
    Share(**least)


@pytest.mark.parametrize(
    ("share", "at_once"),
    [
        (Share(rate=50, burst=3), 3),
        (Share(rate=50), 5),
        (Share(rate=59), 5),
        (Share(rate=0.5), 1),
    ],
)
def test_after_a_pause_what_was_saved_starts_at_once_a_tenth_of_a_seconds_messages_if_nothing_else_is_said(
    share: Share, at_once: int
) -> None:
    bucket = share.bucket(100.0)
    assert bucket is not None
    assert [bucket.take(100.0) for _ in range(at_once + 1)] == [True] * at_once + [False]
    assert [bucket.take(1000.0) for _ in range(at_once + 1)] == [True] * at_once + [False]


def test_the_first_token_of_a_bucket_that_was_emptied_is_there_after_its_time_and_not_before() -> None:
    bucket = Bucket(2.0, 1, 7.0)
    assert bucket.take(7.0)
    assert bucket.wait(7.0) == 0.5
    assert not bucket.take(7.4)
    assert bucket.wait(7.4) == pytest.approx(0.1)
    assert bucket.take(7.5)
    assert bucket.wait(9.0) == 0.0


def test_a_token_may_lack_a_rounding_error_and_leaves_no_debt() -> None:
    bucket = Bucket(10.0, 1, 0.0)
    assert bucket.take(0.0)
    assert bucket.take(0.1 - 5e-8)
    assert bucket.wait(0.1 - 5e-8) == 0.1


def test_what_starts_soon_are_the_tokens_there_are_and_those_of_the_next_second() -> None:
    bucket = Bucket(5.0, 4, 0.0)
    assert bucket.soon(0.0) == 9
    assert bucket.take(0.0)
    assert bucket.soon(0.0) == 8
    assert bucket.soon(0.1) == 8
    assert bucket.soon(0.2) == 9


def test_what_started_along_is_owed_and_waited_for() -> None:
    bucket = Bucket(2.0, 3, 0.0)
    assert bucket.take(0.0)
    bucket.owe(4)
    assert bucket.wait(0.0) == 1.5
    assert not bucket.take(1.0)
    assert bucket.take(1.5)


def test_a_token_may_lack_a_rounding_error() -> None:
    for lacks, there in ((NEARLY, True), (2 * NEARLY, False)):
        bucket = Bucket(1.0, 1, 0.0)
        assert bucket.take(0.0)
        assert bucket.take(1 - lacks) is there
