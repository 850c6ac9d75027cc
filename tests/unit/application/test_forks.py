"""How a process ends, and what it says, that a handler forked and that comes back out of its handler."""

import attrs
import pytest

from loafer.application.forks import Forks, leave


class EndedError(Exception):
    """The process has ended, with this code."""


@attrs.define(eq=False)
class Process:
    """Stands for the module `os` in the child; notes what is written, unless nobody can read it."""

    unread: bool = False
    said: list[tuple[int, bytes]] = attrs.field(factory=list)

    def getpid(self) -> int:
        return 7

    def write(self, file: int, text: bytes) -> None:
        if self.unread:
            raise BrokenPipeError
        self.said.append((file, text))

    def _exit(self, code: int) -> None:
        raise EndedError(code)


def left(process: Process, error: BaseException | None, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return the code with which a child ends whose handler ended so."""
    monkeypatch.setattr("loafer.application.forks.os", process)
    with pytest.raises(EndedError) as ended:
        leave(error)
    [code] = ended.value.args
    return code


@pytest.mark.parametrize(
    ("error", "code", "how"), [(None, 0, "returned from it"), (ValueError("secret"), 1, "left it by ValueError")]
)
def test_a_forked_process_that_comes_out_of_its_handler_says_so_and_ends(
    error: Exception | None, code: int, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process()
    assert left(process, error, monkeypatch) == code
    said = f"loafer: process 7, which a handler forked, {how} and is ended: end it by os._exit\n"
    assert process.said == [(2, said.encode())]


@pytest.mark.parametrize(
    ("error", "code"), [(SystemExit(), 0), (SystemExit(0), 0), (SystemExit(3), 3), (SystemExit("no"), 1)]
)
def test_one_that_exits_ends_with_its_own_code_and_without_a_word(
    error: SystemExit, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process()
    assert left(process, error, monkeypatch) == code
    assert process.said == []


def test_one_that_nobody_listens_to_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert left(Process(unread=True), ValueError(), monkeypatch) == 1


def test_forks_of_forks_are_counted() -> None:
    forks = Forks()
    forks.deeper()
    forks.deeper()
    assert forks.depth == 2
