import pytest

from loafer.entrypoints.supervisor.link import WorkerLink
from loafer.entrypoints.supervisor.post import (
    FIRST_PAUSE,
    LONG_LIFE,
    LONGEST_PAUSE,
    Post,
    manner_of_death,
    pause_after,
    status_of_death,
)


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [pause_after(deaths) for deaths in range(1, 8)]
    assert pauses == [FIRST_PAUSE, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE]
    assert pause_after(100_000) == LONGEST_PAUSE


@pytest.mark.parametrize(
    ("exitcode", "words", "status"),
    [
        (-9, "was killed by SIGKILL", 137),
        (-11, "was killed by SIGSEGV", 139),
        (-63, "was killed by signal 63", 191),
        (1, "ended unexpectedly with status 1", 1),
        (0, "ended unexpectedly with status 0", 0),
    ],
)
def test_a_death_is_told_in_words_and_as_a_status(exitcode: int, words: str, status: int) -> None:
    assert (manner_of_death(exitcode), status_of_death(exitcode)) == (words, status)


def test_a_worker_that_lived_long_is_replaced_as_fast_as_the_first() -> None:
    now = [1000.0]

    def no_room(name: str, link: WorkerLink) -> None:
        raise OSError("no room")

    post = Post("worker-1", no_room, lambda: now[0])  # type: ignore[arg-type]

    def next_pause(life: float) -> float:
        with pytest.raises(OSError, match="no room"):
            post.fill()
        now[0] += life
        pause = post.mourn()
        assert post.due == now[0] + pause
        return pause

    assert [next_pause(life) for life in (0, LONG_LIFE - 1, LONG_LIFE, 0, 0)] == [1, 2, 1, 2, 4]
