"""How a process ends, and what it says, that a handler forked and that comes back out of its handler."""

from contextvars import copy_context
from types import SimpleNamespace
from typing import Any, cast

import attrs
import pytest
from test_batches import batching
from world import World, queue

from loafer.application.forks import FORKS, Forks, leave
from loafer.application.handler import ThreadHandler
from loafer.application.pool import ThreadPool
from loafer.application.threaded import Answers, ThreadCall
from loafer.domain.message import Message


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


class Left:
    """Notes with which error a process is left, and goes on as if nothing had been forked."""

    def __init__(self) -> None:
        self.errors: list[BaseException | None] = []

    def __call__(self, error: BaseException | None) -> None:
        self.errors.append(error)


ERROR = ValueError("of the child")


async def forks(_: object) -> None:
    """Come out of a handler in a child, as far as loafer can tell."""
    FORKS.deeper()
    raise ERROR


@pytest.mark.parametrize("make", [World, lambda source, handle: batching(source, handle, 1)])
async def test_a_child_ends_as_its_handler_ended(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    left = Left()
    for module in ("jobs", "batch_jobs"):
        monkeypatch.setattr(f"loafer.application.{module}.leave", left)
    await make(queue("orders", "one"), forks).run_for(5)
    assert left.errors == [ERROR]


@pytest.mark.parametrize("raises", [False, True])
async def test_one_that_a_translator_forked_ends_before_its_function(
    raises: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def translate(message: Message) -> object:
        FORKS.deeper()
        if raises:
            raise ERROR
        return {"content": message.body}

    left = Left()
    monkeypatch.setattr("loafer.application.errands.leave", left)
    with ThreadPool(1) as pool:
        await World(queue("orders", "one"), ThreadHandler(print, pool), translate=translate).run_for(5)
    assert left.errors[0] is (ERROR if raises else None)


async def test_one_that_a_function_in_a_thread_forked_ends_in_that_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def function() -> None:
        FORKS.deeper()
        raise ERROR

    left = Left()
    monkeypatch.setattr("loafer.application.threaded.leave", left)
    answers = Answers(cast("Any", SimpleNamespace(call_soon_threadsafe=lambda *_: None)))
    for each in (function, len):
        ThreadCall(each, (), answers, copy_context()).run()
    assert left.errors == [ERROR]
