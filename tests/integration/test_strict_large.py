"""Bodies of the largest size, and followers of very many groups: what is held stays under its bound."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from strict.hiring import QUICK, hire, once, runs_of
from strict.strict_control import StrictEndpoint
from workers import wait_until

from loafer.domain.limits import LARGEST_MESSAGE

pytestmark = pytest.mark.slow

MUCH = (*QUICK, "--prefetch", "500", "--max-jobs", "500")


def body(number: int, size: int, character: str = "x") -> str:
    """Return a body of so many bytes."""
    empty = f'{{"n": {number}, "seconds": 0.02, "pad": ""}}'
    pad = character * ((size - len(empty)) // len(character.encode()))
    return empty.replace('""', f'"{pad}"')


def most_in_flight(strict: StrictEndpoint, queue: str) -> int:
    """Return how many messages of a queue were in flight at once at most, by its own history."""
    in_flight = most = 0
    for event in strict.history(queue, "received", "deleted", "released", "expired"):
        in_flight += 1 if event.what == "received" else -1
        most = max(most, in_flight)
    return most


def fill(strict: StrictEndpoint, queue: str, bodies: Iterable[str]) -> None:
    for each in bodies:
        strict.fill(queue, [each])


@pytest.mark.parametrize("character", ["x", "語", "🦌"])
def test_bodies_of_a_mebibyte_stay_under_the_bytes_that_may_be_held_whatever_the_prefetch(
    strict: StrictEndpoint, tmp_path: Path, character: str
) -> None:
    queue = strict.create("large")
    fill(strict, queue, (body(number, LARGEST_MESSAGE, character) for number in range(30)))
    held = str(6 * LARGEST_MESSAGE)
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", MUCH, LOAFER_HELD_BYTES=held) as worker:
        wait_until(lambda: strict.left(queue) == 0)
        assert worker.stop() == 0
    assert 2 <= most_in_flight(strict, queue) <= 6
    assert runs_of(tmp_path) == once(30)


def test_followers_of_a_thousand_groups_stay_under_the_bytes_that_may_be_held(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue, size = strict.create("large.fifo"), 4096
    bodies = [body(number, size) for number in range(3000)]
    strict.fill(queue, bodies, [str(number // 3) for number in range(3000)])
    held = str(64 * size)
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", MUCH, LOAFER_HELD_BYTES=held) as worker:
        wait_until(lambda: strict.left(queue) == 0, 60)
        assert worker.stop() == 0
    assert 10 <= most_in_flight(strict, queue) <= 64
    assert runs_of(tmp_path) == once(3000)
