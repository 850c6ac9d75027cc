import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import attrs
import pytest

from loafer.entrypoints.worker import loops as loops_module
from loafer.entrypoints.worker.loops import STOPPED, close, run_to_its_end
from loafer.exceptions import LoaferError

LEFT: list[Any] = []


def loops() -> Iterator[Callable[[], asyncio.AbstractEventLoop]]:
    yield asyncio.new_event_loop
    with contextlib.suppress(ImportError):
        import uvloop

        yield uvloop.new_event_loop


@pytest.fixture(params=loops())
def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
    return asyncio.Runner(loop_factory=request.param)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    LEFT.clear()


async def leave(status: int) -> None:
    raise SystemExit(status)


async def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("error", [lambda: leave(3), interrupt])
def test_what_a_task_raises_that_ends_an_event_loop_is_told_and_the_loop_goes_on(
    runner: asyncio.Runner, error: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    escaped: list[BaseException] = []
    ended = []

    async def main() -> None:
        for _ in range(2):
            LEFT.append(asyncio.create_task(error()))
            await asyncio.sleep(0.01)
        ended.append(True)

    run_to_its_end(runner.get_loop(), main(), escaped.append)
    LEFT.clear()
    close(runner, deserted=False)
    assert len(escaped) == 2
    assert ended == [True]
    assert caplog.messages == []


def test_what_the_coroutine_itself_raises_is_raised(runner: asyncio.Runner) -> None:
    with pytest.raises(SystemExit) as caught:
        run_to_its_end(runner.get_loop(), leave(4), lambda _: None)
    close(runner, deserted=False)
    assert caught.value.code == 4


def test_a_loop_that_a_handler_stops_goes_on_and_that_is_told(runner: asyncio.Runner) -> None:
    escaped: list[BaseException] = []
    ended = []

    async def main() -> None:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.01)
        ended.append(True)

    run_to_its_end(runner.get_loop(), main(), escaped.append)
    close(runner, deserted=False)
    assert [str(error) for error in escaped] == [STOPPED]
    assert ended == [True]


def test_a_worker_whose_tasks_are_all_cancelled_ends_with_one_sentence(runner: asyncio.Runner) -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: [task.cancel() for task in asyncio.all_tasks(runner.get_loop())])
        await asyncio.sleep(1)

    with pytest.raises(LoaferError, match="cancelled all tasks"):
        run_to_its_end(runner.get_loop(), main(), lambda _: None)
    close(runner, deserted=False)


@pytest.mark.usefixtures("complaints")
def test_other_errors_of_tasks_are_complained_of_as_usual(
    runner: asyncio.Runner, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)

    caplog.set_level(logging.ERROR)
    run_to_its_end(runner.get_loop(), main(), lambda _: None)
    close(runner, deserted=False)
    assert "ZeroDivisionError" in caplog.text


def test_a_loop_is_closed_when_what_was_left_has_ended(runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops_module, "CLEARING", 60)
    closed = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append("generator")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append("task")

    async def main() -> None:
        LEFT.extend([generator := numbers(), asyncio.create_task(waits())])
        await anext(generator)

    loop = runner.get_loop()
    run_to_its_end(loop, main(), lambda _: None)
    close(runner, deserted=False)
    assert loop.is_closed()
    assert closed == ["task", "generator"]


@attrs.define(eq=False)
class Leaves:
    """Leaves something behind that ends only once it is let go."""

    let_go: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def task(self) -> None:
        LEFT.append(asyncio.create_task(self.stay()))
        await asyncio.sleep(0)

    async def stay(self) -> None:
        while not self.let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.let_go.wait()

    async def generator(self) -> None:
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                await self.let_go.wait()

        LEFT.append(generator := numbers())
        await anext(generator)

    async def exit(self) -> None:
        async def leaves_at_its_end() -> None:
            try:
                await self.let_go.wait()
            finally:
                raise SystemExit(5)

        LEFT.append(asyncio.create_task(leaves_at_its_end()))
        await asyncio.sleep(0)


@pytest.mark.parametrize("what", [Leaves.task, Leaves.generator, Leaves.exit])
def test_a_loop_is_left_open_where_something_does_not_end(
    runner: asyncio.Runner, what: Callable[[Leaves], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops_module, "CLEARING", 0.01)
    leaves, loop = Leaves(), runner.get_loop()
    run_to_its_end(loop, what(leaves), lambda _: None)
    close(runner, deserted=False)
    assert not loop.is_closed()
    leaves.let_go.set()
    loop.run_until_complete(asyncio.sleep(0.01))
    runner.close()


def test_a_deserted_loop_is_left_open(runner: asyncio.Runner) -> None:
    loop = runner.get_loop()
    close(runner, deserted=True)
    assert not loop.is_closed()
    runner.close()
