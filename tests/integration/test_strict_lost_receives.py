"""A receive of a FIFO queue whose answer is lost uses up no receive, and its group does not stand still for it."""

from pathlib import Path

import pytest
from strict.hiring import QUICK, hire, noted_of
from strict.strict_control import StrictEndpoint
from workers import wait_until


@pytest.mark.usefixtures("transport")
def test_a_lost_answer_is_asked_for_again_and_brings_the_same_messages(strict: StrictEndpoint, tmp_path: Path) -> None:
    queue, dead_letters = strict.create_redriven("orders.fifo", 1, VisibilityTimeout=120)
    strict.fill(queue, [{"n": number, "seconds": 0} for number in range(3)], ["g", "g", "h"])
    strict.faults({"ReceiveMessage": {"lost": 1.0, "times": 1}})
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", QUICK) as worker:
        wait_until(lambda: len(strict.history(queue, "deleted")) == 3)
        assert worker.stop() == 0
    assert len(strict.history(queue, "received again")) > 0
    assert {event.receives for event in strict.history(queue, "deleted")} == {1}
    assert len(noted_of(tmp_path)) == 3
    assert strict.left(dead_letters) == 0
