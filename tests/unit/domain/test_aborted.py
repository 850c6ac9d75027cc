"""How many receives aborted ones could use up."""

import pytest

from loafer.domain.aborted import are_few


@pytest.mark.parametrize(
    ("receives", "lasts", "visibility_timeout", "few"),
    [
        (None, 15, 30, False),
        (1, 15, 30, True),
        (3, 15, 30, True),
        (4, 15, 30, False),
        (4, 15, 15, True),
        (6, 15, 5, True),
        (7, 15, 5, False),
        (10, 15, 0, True),
        (3, -10, 30, False),  # none is aborted: a stop waits for longer than they do
    ],
)
def test_receives_are_few_that_aborted_ones_could_use_up(
    receives: int | None, lasts: float, visibility_timeout: float, few: bool
) -> None:
    assert are_few(receives, lasts, visibility_timeout) is few
