"""A rolling restart under load: each stop costs the messages that waited one receive, and no message its run."""

from collections import Counter
from pathlib import Path

import attrs
import pytest
from strict.hiring import hire, once, runs_of
from strict.strict_control import StrictEndpoint
from workers import wait_until

pytestmark = pytest.mark.slow

RESTARTS = 5
BURST = 60
OPTIONS = (
    *("--consumer-opts", '{"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}'),
    *("--max-jobs", "4", "--prefetch", "40"),
)


@attrs.define
class Load:
    """Messages in bursts, each of another group, which wait for their turn while polls are open for more."""

    strict: StrictEndpoint
    queue: str
    sent: int = 0

    def burst(self) -> None:
        """Send a burst, and return once workers have received all of it."""
        numbers = range(self.sent, self.sent + BURST)
        self.strict.fill(self.queue, [{"n": n, "seconds": 0.1} for n in numbers], [str(n) for n in numbers])
        self.sent += BURST
        wait_until(lambda: self.strict.counts(self.queue)["visible"] == 0, 20, every=0.01)


@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_a_rolling_restart_costs_a_waiting_message_one_receive_and_dead_letters_nothing(
    strict: StrictEndpoint, tmp_path: Path, queue: str
) -> None:
    strict.create_redriven(queue, 2)
    strict.faults({"*": {"before": 0.02, "after": 0.02}})
    load = Load(strict, queue)
    hands = [hire(tmp_path, f"{place}-0", queue, "takes_as_long_as_told", OPTIONS) for place in "ab"]
    try:
        load.burst()
        for number in range(1, RESTARTS + 1):
            load.burst()
            leaving, staying = hands
            hands = [staying, hire(tmp_path, f"{'ab'[number % 2]}-{number}", queue, "takes_as_long_as_told", OPTIONS)]
            assert leaving.stop() == 0, leaving.printed
        wait_until(lambda: strict.left(queue) == 0, 40)
        assert [worker.stop() for worker in hands] == [0, 0]
    finally:
        for worker in hands:
            worker.process.kill()
            worker.process.wait()
    assert strict.history(queue, "moved") == []
    assert runs_of(tmp_path) == once(load.sent)
    received = Counter((event.id, event.worker) for event in strict.history(queue, "received"))
    assert set(received.values()) == {1}
