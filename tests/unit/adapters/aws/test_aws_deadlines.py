"""Many calls, one timer: each ends when its time has come, and none before."""

import asyncio
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import block

from loafer.adapters.aws.deadlines import Deadlines
from loafer.testing.clock import run


@attrs.define
class Call:
    """A call that takes `takes` seconds, may take `within`, and begins after `after`."""

    after: float
    takes: float
    within: float
    ended: float | None = None
    timed_out: bool = False

    async def run(self, deadlines: Deadlines) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.after)
        try:
            await deadlines.within(self.within, asyncio.sleep(self.takes))
        except TimeoutError:
            self.timed_out = True
        self.ended = loop.time()


quarters = st.integers(0, 40).map(lambda number: number / 4)


@given(st.lists(st.builds(Call, quarters, quarters, quarters.map(lambda at: at + 0.125)), min_size=1, max_size=12))
def test_each_call_ends_when_it_is_done_or_when_its_time_has_come(calls: list[Call]) -> None:
    async def all_of_them() -> float:
        began, deadlines = asyncio.get_running_loop().time(), Deadlines()
        await asyncio.gather(*(call.run(deadlines) for call in calls))
        return began

    began = run(all_of_them())
    for call in calls:
        assert call.timed_out == (call.takes > call.within)
        assert call.ended == pytest.approx(began + call.after + min(call.takes, call.within), abs=1e-6)


async def test_a_call_that_sets_an_earlier_deadline_is_not_kept_waiting_and_all_share_one_timer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    set_at: list[float] = []
    call_at = loop.call_at

    def noted(when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        if args[0] == deadlines._look:
            set_at.append(when - began)
        return call_at(when, *args, **kwargs)

    monkeypatch.setattr(loop, "call_at", noted)
    began = loop.time()
    calls = [Call(0, 9, 30), *(Call(0, 1, 10) for _ in range(5)), Call(1, 60, 4)]
    await asyncio.gather(*(call.run(deadlines) for call in calls))
    assert [call.timed_out for call in calls] == [False] * 6 + [True]
    assert set_at == pytest.approx([30, 10, 5, 30], abs=1e-6)


async def a_call_until(end: asyncio.Event, *, swallows: bool = False) -> str:
    """Return when `end` is set; what swallows its cancellation returns then."""
    try:
        await end.wait()
    except asyncio.CancelledError:
        if not swallows:
            raise
    return "answer"


def cancellations() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


@pytest.mark.parametrize("swallows", [False, True])
def test_a_deadline_that_has_come_leaves_nothing_of_its_cancelling_behind(swallows: bool) -> None:
    async def main() -> tuple[object, int]:
        deadlines = Deadlines()
        ended: object
        try:
            ended = await deadlines.within(5, a_call_until(asyncio.Event(), swallows=swallows))
        except TimeoutError as error:
            ended = type(error.__cause__)
        return ended, cancellations()

    assert run(main()) == ("answer" if swallows else asyncio.CancelledError, 0)


@pytest.mark.parametrize("after", [1, 5])
def test_what_somebody_else_cancels_before_its_deadline_or_with_it_is_cancelled(after: int) -> None:
    async def main() -> BaseException | None:
        deadlines = Deadlines()
        called = asyncio.create_task(deadlines.within(5, a_call_until(asyncio.Event())))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(after, called.cancel)
        await asyncio.wait([called])
        assert not deadlines._ends
        return asyncio.CancelledError() if called.cancelled() else called.exception()

    assert isinstance(run(main()), asyncio.CancelledError)


def test_an_outer_timeout_and_a_deadline_keep_out_of_each_others_way() -> None:
    async def main() -> tuple[str, float, int]:
        loop, deadlines = asyncio.get_running_loop(), Deadlines()
        began, said = loop.time(), ""
        try:
            async with asyncio.timeout(3):
                await deadlines.within(5, a_call_until(asyncio.Event()))
        except TimeoutError:
            said = "outer"
        async with asyncio.timeout(9):
            with pytest.raises(TimeoutError):
                await deadlines.within(2, a_call_until(asyncio.Event()))
        return said, loop.time() - began, cancellations()

    said, seconds, left = run(main())
    assert (said, left) == ("outer", 0)
    assert seconds == pytest.approx(5, abs=1e-6)


async def test_an_answer_that_lay_unread_while_the_process_stood_still_is_read() -> None:
    async def answer() -> str:
        await asyncio.sleep(9)
        for _ in range(100):
            await asyncio.sleep(0)
        return "read"

    asyncio.get_running_loop().call_later(1, block, 13)
    assert await Deadlines().within(10, answer()) == "read"


async def test_so_it_is_where_the_process_stands_still_several_times_in_a_row() -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines()

    async def block_in_a_row() -> None:
        for _ in range(5):
            block(12)
            await asyncio.sleep(0)

    async def answer() -> str:
        await asyncio.sleep(0.05)
        for _ in range(4):
            await asyncio.sleep(0)
        return "read"

    earlier = asyncio.create_task(deadlines.within(10, asyncio.sleep(1)))
    await asyncio.sleep(2)
    calls = []
    blocking = asyncio.create_task(block_in_a_row())
    for _ in range(4):
        calls.append(asyncio.create_task(deadlines.within(10, answer())))
        await asyncio.sleep(0)
    assert await asyncio.gather(*calls) == ["read"] * 4
    await asyncio.gather(earlier, blocking)
    assert loop.time() >= 60


async def test_a_call_that_is_never_answered_ends_though_the_process_stands_still_again_and_again() -> None:
    async def stand_still_again_and_again() -> None:
        while True:
            block(0.5)
            await asyncio.sleep(0.01)

    loop = asyncio.get_running_loop()
    began, standing = loop.time(), asyncio.create_task(stand_still_again_and_again())
    with pytest.raises(TimeoutError):
        await Deadlines().within(5, asyncio.Event().wait())
    standing.cancel()
    assert loop.time() - began < 5 + 20


async def test_a_call_ends_in_time_after_one_that_was_late() -> None:
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    loop.call_later(1, block, 13)
    with pytest.raises(TimeoutError):
        await deadlines.within(10, asyncio.Event().wait())
    for _ in range(2):
        began = loop.time()
        with pytest.raises(TimeoutError):
            await deadlines.within(3, asyncio.Event().wait())
        assert loop.time() - began == pytest.approx(3)
