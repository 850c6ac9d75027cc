"""What a route may have of what all share."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.share import Bucket, Share
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
