"""What the depth of a source means at a pace."""

import pytest

from loafer.domain.depth import Backlog, Depth, backlog_of


@pytest.mark.parametrize(
    ("visible", "done", "seconds", "drained"),
    [
        (0, 0, 60, 0.0),
        (0, 9, 60, 0.0),
        (30, 60, 60, 30.0),
        (30, 1, 60, 1800.0),
        (30, 60, 0.5, 0.25),
        (30, 0, 60, None),
        (30, 5, 0, None),
    ],
)
def test_a_backlog_lasts_as_long_as_it_takes_at_the_pace_of_the_last_minute(
    visible: int, done: int, seconds: float, drained: float | None
) -> None:
    assert backlog_of(Depth(visible, in_flight=5), done, seconds) == Backlog(Depth(visible, in_flight=5), drained)
