"""Three workers on a FIFO queue in a storm: killed, stopped and frozen at random, on a network that lags."""

import random
from pathlib import Path

import pytest
from strict.storm import ASKED, PATIENCE, Storm, aftermath, crew
from strict.strict_control import StrictEndpoint

OPTIONS = (
    "--consumer-opts",
    '{"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}',
    *("--retry-delay", "0.05", "--prefetch", "20", "--max-jobs", "20"),
)
VISIBILITY = 3
GROUPS = 40


def weather(
    strict: StrictEndpoint, folder: Path, *, seed: int, messages: int, pause: float, lag: float, lost: float = 0.0
) -> None:
    """Have so many messages of each group handled in a storm, and check what must hold after it.

    Of the answers to receives as many are `lost` as that, of 1.
    """
    queue = strict.create("storm.fifo", VisibilityTimeout=VISIBILITY)
    bodies = [{"group": group, "n": number} for number in range(messages) for group in range(GROUPS)]
    strict.fill(queue, bodies, [str(body["group"]) for body in bodies])
    lags = {"before": lag, "after": lag}
    strict.faults({"*": lags, "ReceiveMessage": {**lags, "lost": lost}}, seed)
    with crew(folder, queue, "storm_handlers.succeeds_mostly", OPTIONS, ["one", "two", "three"]) as seats:
        storm = Storm(seats, random.Random(seed), longest_freeze=2 * VISIBILITY, pause=pause)
        storm.blow(strict, queue, 240)
        strict.faults({})
        for seat in seats:
            seat.thaw()
            assert seat.worker.stop(PATIENCE) in ASKED, seat.worker.printed
    after = aftermath(strict, queue, folder)
    assert (after.lost, after.overtaking, after.late) == ([], [], [])
    assert after.runs >= len(bodies)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_short_storm_loses_nothing_breaks_no_order_and_runs_nothing_that_is_deleted(
    strict: StrictEndpoint, tmp_path: Path, seed: int
) -> None:
    weather(strict, tmp_path, seed=seed, messages=8, pause=0.4, lag=0.1)


def test_nor_does_one_in_which_answers_are_lost(strict: StrictEndpoint, tmp_path: Path) -> None:
    weather(strict, tmp_path, seed=3, messages=8, pause=0.4, lag=0.1, lost=0.2)
    assert strict.history("storm.fifo", "received again")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", range(10, 20))
def test_a_storm_loses_nothing_breaks_no_order_and_runs_nothing_that_is_deleted(
    strict: StrictEndpoint, tmp_path: Path, seed: int
) -> None:
    weather(strict, tmp_path, seed=seed, messages=65, pause=0.6, lag=0.15)
