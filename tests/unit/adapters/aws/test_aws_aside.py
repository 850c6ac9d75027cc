"""Large answers are decoded beside the event loop: which goes on, whatever fills its own threads."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from lean_fakes import MESSAGE, answered, lean

from loafer.adapters.aws.answers import messages_in
from loafer.adapters.aws.aside import aside
from loafer.adapters.aws.decoding import ON_LOOP

LIMIT = 60
"""Seconds after which a test that waits for a thread has failed."""


def in_real_time(coroutine: object) -> object:
    """Run a coroutine on an ordinary event loop: virtual time knows nothing of our threads."""
    return asyncio.run(asyncio.wait_for(coroutine, LIMIT))  # type: ignore[arg-type]


async def test_it_returns_and_raises_what_the_work_does() -> None:
    async def both() -> None:
        assert await aside(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await aside(lambda: 1 / 0)

    await asyncio.get_running_loop().run_in_executor(None, in_real_time, both())


def test_the_loop_goes_on_while_threads_of_its_own_are_all_taken() -> None:
    async def work() -> str:
        loop, free = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        taken = loop.run_in_executor(None, free.wait)
        asked, turns = threading.Event(), 0
        working = asyncio.create_task(aside(lambda: asked.wait(LIMIT) and threading.current_thread().name))
        while turns < 100:
            await asyncio.sleep(0)
            turns += 1
        asked.set()
        name = await working
        free.set()
        await taken
        return str(name)

    assert in_real_time(work()) == "loafer-decoder"


def test_one_works_at_a_time_and_a_cancelled_one_that_waits_never_begins() -> None:
    begun: list[int] = []

    async def work() -> None:
        first, release = threading.Event(), threading.Event()

        def one(number: int) -> int:
            begun.append(number)
            first.set()
            release.wait(LIMIT)
            return number

        tasks = [asyncio.create_task(aside(partial(one, number))) for number in range(3)]
        while not first.is_set():
            await asyncio.sleep(0)
        assert len(begun) == 1
        [running] = begun
        cancelled = tasks[(running + 1) % 3]
        cancelled.cancel()
        await asyncio.wait([cancelled])
        release.set()
        others = [task for task in tasks if task is not cancelled]
        assert [await task for task in others] == [tasks.index(task) for task in others]
        assert tasks.index(cancelled) not in begun

    in_real_time(work())


def test_a_cancelled_one_that_runs_is_left_behind() -> None:
    async def work() -> float:
        began, release = threading.Event(), threading.Event()

        def wait() -> None:
            began.set()
            release.wait(LIMIT)

        task = asyncio.create_task(aside(wait))
        while not began.is_set():
            await asyncio.sleep(0)
        start = time.monotonic()
        task.cancel()
        await asyncio.wait([task])
        release.set()
        assert task.cancelled()
        return time.monotonic() - start

    assert in_real_time(work()) < LIMIT / 2  # type: ignore[operator]


def test_large_answers_come_to_who_asked_for_them() -> None:
    async def call(number: int) -> list[str]:
        body = str(number) * (ON_LOOP // 5)
        entries = [{**MESSAGE, "MessageId": str(count), "Body": body} for count in range(10)]
        transport, _ = lean(answered(json.dumps({"Messages": entries}).encode()))
        answer = await transport.call("receive_message", {"MaxNumberOfMessages": 10})
        return [message.body[0] for message in messages_in(answer, "orders", 10)]

    async def calls() -> list[list[str]]:
        return await asyncio.gather(*map(call, range(5)))

    assert in_real_time(calls()) == [[str(number)] * 10 for number in range(5)]
