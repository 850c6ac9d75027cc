"""Virtual time: it jumps, it stands still for threads, and it says when nothing will ever happen."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loafer.application.handler import ThreadHandler
from loafer.application.pool import ThreadPool
from loafer.testing.clock import VirtualLoop, run
from loafer.testing.patience import ONE_AFTER_ANOTHER


def test_a_sleep_takes_no_time() -> None:
    async def sleep() -> float:
        await asyncio.sleep(24 * 60 * 60)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(sleep()) == pytest.approx(24 * 60 * 60)
    assert time.monotonic() - began < 60


def test_timers_fire_in_their_order() -> None:
    ended: list[int] = []

    async def sleep(seconds: int) -> None:
        await asyncio.sleep(seconds)
        ended.append(seconds)

    async def both() -> None:
        await asyncio.gather(sleep(2), sleep(1))

    run(both())
    assert ended == [1, 2]


def test_the_time_goes_on_where_something_is_done_again_and_again_until_it_has() -> None:
    async def wait() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def again() -> None:  # as anyio cancels tasks that have not ended yet
            if not over.is_set():
                loop.call_soon(again)

        again()
        await asyncio.sleep(1)
        over.set()

    run(wait())


def test_the_time_stands_still_while_a_thread_works() -> None:
    async def work() -> float:
        async with asyncio.timeout(1):
            await asyncio.to_thread(time.sleep, 0.05)
        return asyncio.get_running_loop().time()

    assert run(work()) < 0.001


@pytest.mark.parametrize("kind", ["a pool of ours", "to_thread"])
def test_the_time_goes_on_while_a_thread_waits_for_a_coroutine_of_the_event_loop(kind: str) -> None:
    async def later() -> str:
        await asyncio.sleep(60)
        return "done"

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def function(*_: object) -> None:
            results.append(asyncio.run_coroutine_threadsafe(later(), loop).result())

        with ThreadPool(1) as pool:
            ours = kind == "a pool of ours"
            await (ThreadHandler(function, pool)(None) if ours else asyncio.to_thread(function))
        results.append(loop.time())

    results: list[object] = []
    run(scenario())
    assert results == ["done", pytest.approx(60, abs=0.01)]


@pytest.mark.parametrize("kind", ["a pool of ours", "to_thread"])
def test_where_more_functions_wait_for_coroutines_than_there_are_threads_each_waits_for_its_own_time(kind: str) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def function(seconds: int) -> None:
            began = loop.time()
            asyncio.run_coroutine_threadsafe(asyncio.sleep(seconds), loop).result()
            took[seconds] = loop.time() - began

        with ThreadPool(2) as pool, ThreadPoolExecutor(2) as executor:
            loop.set_default_executor(executor)
            ours = ThreadHandler(function, pool) if kind == "a pool of ours" else None
            calls = [ours(each) if ours is not None else asyncio.to_thread(function, each) for each in seconds]
            await asyncio.gather(*calls, asyncio.sleep(100))

    took: dict[int, float] = {}
    seconds = range(1, 6)
    run(scenario())
    assert took == {each: pytest.approx(each, abs=0.01) for each in seconds}


def test_threads_of_another_pool_that_do_nothing_keep_the_time_from_nothing() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        def function(seconds: int) -> None:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(seconds), loop).result()

        await asyncio.to_thread(len, "")
        with ThreadPoolExecutor(1) as executor:
            await asyncio.gather(*(loop.run_in_executor(executor, function, seconds) for seconds in (1, 2, 3)))
        assert loop.time() == pytest.approx(6, abs=0.01)

    run(scenario())


def test_the_time_stands_still_while_a_thread_waits_for_threads_of_its_own() -> None:
    async def work() -> float:
        def function() -> None:
            with ThreadPoolExecutor(1) as own:
                own.submit(time.sleep, 5 * ONE_AFTER_ANOTHER).result()

        async with asyncio.timeout(1):
            await asyncio.to_thread(function)
        return asyncio.get_running_loop().time()

    assert run(work()) < 0.001


def test_the_time_stands_still_for_threads_though_another_one_waits_for_the_whole_test() -> None:
    async def work() -> float:
        async with asyncio.timeout(1):
            await asyncio.to_thread(time.sleep, 5 * ONE_AFTER_ANOTHER)
        return asyncio.get_running_loop().time()

    with ThreadPoolExecutor(1) as pool:
        took = pool.submit(lambda: run(work())).result()
    assert took < 0.001


def test_the_time_stands_still_until_a_thread_has_told_its_end() -> None:
    async def work() -> float:
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(time.sleep, 5 * ONE_AFTER_ANOTHER)
            future.add_done_callback(lambda _: time.sleep(0.05))  # as where another process takes the core
            async with asyncio.timeout(1):
                await asyncio.wrap_future(future)
        return asyncio.get_running_loop().time()

    assert run(work()) < 0.001


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not tell what threads do")
@pytest.mark.parametrize("kind", ["a pool of ours", "to_thread"])
def test_threads_that_compute_do_so_one_after_another_however_long_that_takes(kind: str) -> None:
    running: list[int] = []
    together: list[int] = []

    def compute(number: int) -> None:
        running.append(number)
        until = time.thread_time() + 3 * ONE_AFTER_ANOTHER
        while time.thread_time() < until:
            pass
        together.append(len(running))
        running.remove(number)

    async def work() -> None:
        with ThreadPool(3) as pool:
            ours, threaded = ThreadHandler(compute, pool), kind == "a pool of ours"
            await asyncio.gather(*(ours(n) if threaded else asyncio.to_thread(compute, n) for n in range(3)))

    run(work())
    assert together == [1, 1, 1]


def test_threads_that_need_one_another_run_at_once() -> None:
    together = threading.Barrier(3, timeout=60)

    async def work() -> None:
        await asyncio.gather(*(asyncio.to_thread(together.wait) for _ in range(3)))

    run(work())


def test_a_time_that_never_comes_is_an_error() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing will ever happen on this event loop"):
        run(wait())


async def test_within_a_running_loop_there_is_no_other() -> None:
    assert isinstance(asyncio.get_running_loop(), VirtualLoop)
    with pytest.raises(RuntimeError, match="an event loop runs here already"):
        run(asyncio.sleep(0))
