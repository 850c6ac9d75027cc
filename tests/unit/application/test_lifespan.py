"""A lifespan around the dispatcher: started before, ended after, and neither for longer than it may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from loafer.application.lifespan import CANCELLING, HURRIED, Lifespan, Living
from loafer.exceptions import LifespanError


@asynccontextmanager
async def good() -> AsyncIterator[str]:
    yield "state"


@asynccontextmanager
async def fails_at_its_start() -> AsyncIterator[None]:
    raise KeyError("start")
    yield


@asynccontextmanager
async def hangs_at_its_start() -> AsyncIterator[None]:
    await asyncio.sleep(1000)
    yield


@asynccontextmanager
async def fails_at_its_end() -> AsyncIterator[None]:
    yield
    raise KeyError("end")


@asynccontextmanager
async def hangs_at_its_end() -> AsyncIterator[None]:
    yield
    await asyncio.sleep(1000)


@asynccontextmanager
async def cannot_be_cancelled() -> AsyncIterator[None]:
    yield
    while True:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            continue
        return


def living(lifespan: Lifespan) -> Living:
    return Living(lifespan, lambda error: pytest.fail(f"nobody asked for {error}"))


async def test_its_state_is_there_from_its_start_to_its_end() -> None:
    life, never = living(good), asyncio.Event()
    assert await life.start(60, never) == "state"
    await life.end(1, never)
    assert not life.left


async def test_one_that_fails_at_its_start_is_told_with_its_cause() -> None:
    with pytest.raises(LifespanError, match="the lifespan failed at its start: KeyError: 'start'") as told:
        await living(fails_at_its_start).start(60, asyncio.Event())
    assert isinstance(told.value.__cause__, KeyError)


async def test_one_that_does_not_start_is_cancelled_when_its_time_is_over() -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises(LifespanError, match=r"did not start within 60 s \(LOAFER_START_TIMEOUT\)") as told:
        await living(hangs_at_its_start).start(60, asyncio.Event())
    assert asyncio.get_running_loop().time() - began == pytest.approx(60, abs=0.1)
    assert isinstance(told.value.__cause__, asyncio.CancelledError)


async def test_a_stop_ends_a_start_that_takes_its_time() -> None:
    life, stopping = living(hangs_at_its_start), asyncio.Event()
    asyncio.get_running_loop().call_later(3, stopping.set)
    assert await life.start(60, stopping) is None
    await life.end(1, stopping)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_one_that_fails_at_its_end_is_told_with_its_cause() -> None:
    life, never = living(fails_at_its_end), asyncio.Event()
    await life.start(60, never)
    with pytest.raises(LifespanError, match="the lifespan failed at its end: KeyError: 'end'"):
        await life.end(1, never)


async def test_one_that_does_not_end_is_cancelled_when_its_time_is_over() -> None:
    life, never = living(hangs_at_its_end), asyncio.Event()
    await life.start(60, never)
    began = asyncio.get_running_loop().time()
    with pytest.raises(LifespanError, match="the lifespan did not end in time, and was cancelled"):
        await life.end(7, never)
    assert asyncio.get_running_loop().time() - began <= 7 + CANCELLING  # the end of the process is near
    assert not life.left


async def test_in_a_stop_at_once_its_end_gets_a_second() -> None:
    life, hurried = living(hangs_at_its_end), asyncio.Event()
    await life.start(60, hurried)
    hurried.set()
    began = asyncio.get_running_loop().time()
    with pytest.raises(LifespanError):
        await life.end(29, hurried)
    assert asyncio.get_running_loop().time() - began < 2


async def test_an_end_that_is_hurried_on_its_way_gets_a_second_from_then_on() -> None:
    life, hurried = living(hangs_at_its_end), asyncio.Event()
    await life.start(60, hurried)
    loop = asyncio.get_running_loop()
    began = loop.time()
    loop.call_later(5, hurried.set)
    with pytest.raises(LifespanError):
        await life.end(29, hurried)
    assert loop.time() - began == pytest.approx(5 + HURRIED, abs=CANCELLING)


async def test_one_that_cannot_be_cancelled_is_left_behind() -> None:
    life, never = living(cannot_be_cancelled), asyncio.Event()
    await life.start(60, never)
    with pytest.raises(LifespanError):
        await life.end(1, never)
    assert life.left
