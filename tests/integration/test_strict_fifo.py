"""FIFO queues: a few slow groups never keep quick ones from starting while a slot is free."""

from pathlib import Path

import pytest
from strict.hiring import QUICK, hire, noted_of
from strict.strict_control import StrictEndpoint
from workers import wait_until

pytestmark = pytest.mark.slow


def test_slow_heads_with_many_followers_keep_no_quick_group_from_starting(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders.fifo")
    slow = [(f"slow-{group}", {"n": f"{group}-{number}", "seconds": 15}) for group in "abc" for number in range(10)]
    quick = [(f"quick-{number}", {"n": number, "seconds": 0}) for number in range(40)]
    strict.fill(queue, [body for _, body in slow + quick], [group for group, _ in slow + quick])
    options = (*QUICK, "--grace-period", "0")
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", options) as worker:
        wait_until(lambda: len(noted_of(tmp_path)) >= 1)
        wait_until(lambda: len(strict.history(queue, "deleted")) >= 40, 8)
        assert worker.stop() == 0
    ran = [what for what, _ in noted_of(tmp_path)]
    assert sorted(ran) == sorted([*map(str, range(40)), "a-0", "b-0", "c-0"])
