"""A handler that cancels all tasks, loafer's own too, or stops the event loop: the worker ends, and says why."""

from pathlib import Path

import pytest
from strict.hiring import hire
from strict.strict_control import StrictEndpoint


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        ("cancels_all_tasks", "cancelled all tasks, loafer's own too"),
        pytest.param("stops_the_loop", "stopped the event loop", marks=pytest.mark.slow),
    ],
)
def test_a_worker_that_a_handler_ends_in_its_own_way_ends_with_one_line_and_leaves_nothing(
    strict: StrictEndpoint, tmp_path: Path, handler: str, told: str
) -> None:
    strict.create("orders", VisibilityTimeout=120)
    strict.numbers("orders", 10)
    with hire(tmp_path, "ending", "orders", handler) as worker:
        assert worker.process.wait(60) == 1
    [line] = [line for line in worker.printed.splitlines() if line.startswith("loafer: ")]
    assert told in line
    assert "Traceback" not in worker.printed
    assert "left behind: nothing" in worker.printed
