import asyncio
import subprocess
import sys
import threading
from contextvars import copy_context
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from gate import Gate, begun
from hypothesis import given, settings
from hypothesis import strategies as st

from loafer.application.handler import ThreadHandler
from loafer.application.pool import ThreadPool
from loafer.application.threaded import Answers, AwaitedCall
from loafer.testing.clock import run

if TYPE_CHECKING:
    from collections.abc import Callable


def refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.sets(st.integers(0, 29)))
def test_functions_start_in_the_order_in_which_they_came_without_those_that_were_cancelled(
    number: int, cancelled: set[int]
) -> None:
    ran: list[object] = []

    async def main() -> None:
        gate = Gate()
        with ThreadPool(1) as pool:
            first = await gate.runs(pool)
            tasks = [asyncio.ensure_future(ThreadHandler(ran.append, pool)(index)) for index in range(number)]
            await asyncio.sleep(0)
            for index in cancelled & {*range(number)}:
                tasks[index].cancel()
            await asyncio.sleep(0)
            gate.go_on.set()
            await asyncio.wait([first, *tasks])
            assert all(task.cancelled() == (index in cancelled) for index, task in enumerate(tasks))
            assert pool.answers().awaited == 0

    asyncio.run(main())
    assert ran == [index for index in range(number) if index not in cancelled]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.lists(st.booleans(), max_size=60), st.lists(st.booleans(), max_size=8))
def test_each_function_runs_once_and_is_answered_or_fails_and_never_runs(
    most: int, raise_: list[bool], refused: list[bool]
) -> None:
    ran: list[int] = []

    def start(thread: threading.Thread) -> None:
        if refused and refused.pop():
            refuse(thread)
        thread.start()

    def function(index: int) -> int:
        ran.append(index)
        if raise_[index]:
            raise ValueError(index)
        return index

    async def main() -> list[object]:
        with ThreadPool(most, start=start) as pool:
            calls = [ThreadHandler(function, pool)(index) for index in range(len(raise_))]
            return await asyncio.gather(*calls, return_exceptions=True)

    async def bounded() -> list[object]:
        async with asyncio.timeout(60):
            return await main()

    ended = asyncio.run(bounded())
    for index, end in enumerate(ended):
        if isinstance(end, RuntimeError):
            assert index not in ran
        else:
            assert ran.count(index) == 1
            assert isinstance(end, ValueError) if raise_[index] else end == index


def test_functions_that_block_run_at_once_in_as_many_threads_as_there_may_be() -> None:
    barrier = threading.Barrier(5)

    async def main() -> None:
        with ThreadPool(5) as pool:
            for _ in range(3):  # in new threads, and in those that wait
                await asyncio.gather(*(ThreadHandler(barrier.wait, pool)(60) for _ in range(5)))

    run(main())


async def test_closing_waits_for_nothing_and_cancels_what_has_not_started(pool: ThreadPool, gate: Gate) -> None:
    ran: list[object] = []
    first = await gate.runs(pool)
    second = await begun(pool, ran.append, "second")
    third = await begun(pool, ran.append, "third")
    pool.close()
    assert not gate.go_on.is_set()
    third.cancel()  # as all are in a stop
    for task in (second, third):
        with pytest.raises(asyncio.CancelledError):
            await task
    gate.go_on.set()
    assert await first == "gate"
    pool.wait()
    assert ran == []
    with pytest.raises(RuntimeError, match=r"^the threads for functions are closed$"):
        pool.begin(ran.append, ("fourth",))


async def test_a_closed_pool_ends_the_threads_that_wait() -> None:
    with ThreadPool(2) as pool:
        await asyncio.gather(*(ThreadHandler(str, pool)(index) for index in range(10)))
        assert pool.runs
    assert not pool.runs


def test_a_function_that_outlives_its_event_loop_ends_in_peace(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    pool, loop = ThreadPool(1), asyncio.new_event_loop()

    async def main() -> AwaitedCall:
        return pool.begin(gate, ("gate",))

    call = loop.run_until_complete(main())
    assert gate.begun.wait(60)
    loop.close()
    gate.go_on.set()
    pool.close()
    pool.wait()
    assert call.returned == "gate"
    assert raised == []


def test_a_pool_serves_one_event_loop_after_another(pool: ThreadPool) -> None:
    for index in range(3):
        assert run(ThreadHandler(str, pool)(index)) == str(index)


def test_the_event_loop_is_woken_once_for_all_that_has_ended() -> None:
    woken: list[Callable[[], None]] = []
    loop = asyncio.new_event_loop()
    answers = Answers(cast("Any", SimpleNamespace(call_soon_threadsafe=woken.append)))
    context = copy_context()
    calls = [AwaitedCall(print, (), answers, context, answer=loop.create_future()) for _ in range(4)]
    for call in calls[:3]:
        answers.add(call)
    [hand_over] = woken
    hand_over()
    assert [call.answer.done() for call in calls] == [True, True, True, False]
    answers.add(calls[3])
    assert len(woken) == 2
    loop.close()


async def test_where_no_thread_can_be_started_a_function_fails_and_never_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ran: list[object] = []
    with ThreadPool(2, start=refuse) as pool:
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"no thread can be started to run it: can't start new thread"):
                await ThreadHandler(ran.append, pool)("one")
        pool.start = threading.Thread.start
        await ThreadHandler(ran.append, pool)("two")
    assert ran == ["two"]
    assert [record.getMessage() for record in caplog.records] == [
        "functions run in 0 threads, where 2 were asked for, because no more can be started: can't start new thread"
    ]


async def test_where_no_more_threads_can_be_started_the_others_do_what_waits(
    pool: ThreadPool, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    first = await gate.runs(pool)
    pool.most, pool.start = 3, refuse
    others = [await begun(pool, str, "second"), await begun(pool, str, "third")]
    gate.go_on.set()
    assert await asyncio.gather(first, *others) == ["gate", "second", "third"]
    assert [record.getMessage() for record in caplog.records] == [
        "functions run in 1 threads, where 3 were asked for, because no more can be started: can't start new thread"
    ]


def test_the_end_of_a_process_waits_for_functions_and_starts_none() -> None:
    code = """
import asyncio, threading, time
from loafer.application.pool import ThreadPool
def function(name):
    begun.set()
    while not pool._over:  # as it is once the end of the process has begun
        time.sleep(0.01)
    print(name)
async def main():
    pool.begin(function, ("first",))
    pool.begin(function, ("second",))
begun, pool = threading.Event(), ThreadPool(1)
asyncio.run(main())
begun.wait()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "first\n", "")


async def test_while_a_thread_is_on_its_way_no_other_one_is_woken() -> None:
    pool, bells = ThreadPool(2), [threading.Lock(), threading.Lock()]
    for bell in bells:
        bell.acquire()
    pool._idle.extend(bells)  # as of two threads that wait
    calls = [pool.begin(print, ()) for _ in range(2)]
    assert sorted(bell.locked() for bell in bells) == [False, True]
    assert all(pool.withdraw(call) for call in calls)


async def test_while_a_thread_is_on_its_way_no_other_one_is_started() -> None:
    started: list[threading.Thread] = []
    pool = ThreadPool(2, start=started.append)
    calls = [pool.begin(print, ()) for _ in range(2)]
    assert len(started) == 1
    assert all(pool.withdraw(call) for call in calls)
