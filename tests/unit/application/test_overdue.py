"""Calls that are never answered are given up, and no other ones."""

import asyncio

from virtual_time import VirtualLoop

from loafer.application.overdue import Overdue


async def never() -> None:
    await asyncio.Event().wait()


async def test_a_call_is_given_up_at_its_last_moment_and_the_others_at_theirs() -> None:
    clock = asyncio.get_running_loop().time
    overdue, began = Overdue(clock), clock()
    calls = [asyncio.create_task(never()) for _ in range(3)]
    ended: list[float] = []
    for seconds, call in zip((60, 90, 75), calls, strict=True):
        call.add_done_callback(lambda _: ended.append(clock() - began))
        overdue.watch(call, began + seconds)
    await asyncio.wait(calls)
    assert [round(at) for at in ended] == [60, 75, 90]
    assert [overdue.forget(call) for call in calls] == [True] * 3
    assert [overdue.forget(call) for call in calls] == [False] * 3


async def test_a_call_that_has_ended_or_that_nobody_looks_after_any_more_is_not_given_up() -> None:
    clock = asyncio.get_running_loop().time
    overdue, call = Overdue(clock), asyncio.create_task(asyncio.sleep(70))
    overdue.watch(call, clock() + 60)
    assert not overdue.forget(call)
    other = asyncio.create_task(asyncio.sleep(70))
    overdue.watch(other, clock() + 65)
    overdue.end()
    await asyncio.wait([call, other])
    assert [call.cancelled(), other.cancelled()] == [False, False]


def test_a_call_whose_answer_lies_unread_since_the_loop_stood_still_is_not_given_up() -> None:
    async def run() -> None:
        loop, ahead = asyncio.get_running_loop(), [0.0]
        overdue, answer = Overdue(lambda: loop.time() + ahead[0]), loop.create_future()
        call = asyncio.ensure_future(answer)
        overdue.watch(call, loop.time() + 60)
        await asyncio.sleep(30)
        ahead[0] = 1000.0  # the process was frozen, and the clock of its leases goes on meanwhile
        await asyncio.sleep(30.5)
        assert not call.done()
        answer.set_result(None)  # what lay there is read now
        await call
        assert not overdue.forget(call)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(run())
