"""What `loafer dlq` calls is what the security page says, and nothing else."""

from collections.abc import Iterator

import pytest
from dlq_letters import Dlq, dead_letters
from recorder import Recorder, documented, recording
from strict.strict_control import StrictEndpoint

CALLS = documented()
LOOK = CALLS["`loafer dlq stats`, `loafer dlq dump`, and where there is no snapshot `show` and `try`"]


@pytest.fixture
def recorder(strict: StrictEndpoint, dlq: Dlq, aws_environ: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with recording(strict.url) as made:
        aws_environ.setenv("AWS_ENDPOINT_URL", made.url)
        yield made


def calls_of(dlq: Dlq, recorder: Recorder, *words: str) -> set[str]:
    recorder.calls.clear()
    result = dlq(*words)
    assert result.exit_code == 0, result.output
    return set(recorder.calls)


@pytest.mark.parametrize(
    "words",
    [("show", "{}", ""), ("try", "{}", "--handler", "builtins.print", "--yes"), ("stats", "{}"), ("dump", "{}")],
)
def test_a_look_calls_what_the_page_says(
    strict: StrictEndpoint, dlq: Dlq, recorder: Recorder, words: tuple[str, ...]
) -> None:
    _, dead = dead_letters(strict, 1)
    assert calls_of(dlq, recorder, *(word.format(dead) for word in words)) == LOOK


def test_what_needs_no_look_calls_nothing(strict: StrictEndpoint, dlq: Dlq, recorder: Recorder) -> None:
    _, dead = dead_letters(strict, 1)
    dlq("stats", dead)
    for words in (("show", dead, ""), ("stats", dead, "--stored"), ("dump", dead, "--stored"), ("forget", dead)):
        assert calls_of(dlq, recorder, *words) == set()


@pytest.mark.parametrize("command", ["purge", "redrive"])
def test_what_is_moved_or_deleted_calls_what_the_page_says_besides(
    strict: StrictEndpoint, dlq: Dlq, recorder: Recorder, command: str
) -> None:
    _, dead = dead_letters(strict, 3)
    seen = calls_of(dlq, recorder, command, dead, "--yes")
    assert seen - LOOK == CALLS[f"`loafer dlq {command}` besides"]


def test_sqs_own_moves_call_what_the_page_says_besides(strict: StrictEndpoint, dlq: Dlq, recorder: Recorder) -> None:
    _, dead = dead_letters(strict, 3)
    seen = calls_of(dlq, recorder, "redrive", dead, "--native", "--yes")
    cancels = {"sqs:CancelMessageMoveTask"}  # on Ctrl-C, which has its own test
    assert seen - LOOK | cancels == CALLS["`loafer dlq redrive --native` besides"]
