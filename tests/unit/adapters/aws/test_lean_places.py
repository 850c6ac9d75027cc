"""Places: never more taken than there are, given in the order of asking, and none lost to who is cancelled."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.aws.lean.places import Places
from loafer.testing.clock import run


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.none() | st.integers(0, 8)), min_size=1, max_size=12),
)
def test_no_more_are_taken_than_there_are_and_each_is_left_again(
    limit: int, calls: list[tuple[int, int, int | None]]
) -> None:
    places, taken = Places(limit), set[int]()
    waiting: list[int] = []
    served: list[int] = []

    async def call(number: int, after: int, takes: int) -> None:
        await asyncio.sleep(after)
        if not places.take():
            waiting.append(number)
            await places.turn()
            served.append(number)
        try:
            taken.add(number)
            assert len(taken) <= limit
            await asyncio.sleep(takes)
            taken.remove(number)
        finally:
            taken.discard(number)
            places.leave()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(call(number, after, takes)) for number, (after, takes, _) in enumerate(calls)]
        for task, (_, _, cancelled_at) in zip(tasks, calls, strict=True):
            if cancelled_at is not None:
                loop.call_later(cancelled_at, task.cancel)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [each for each in results if each is not None and not isinstance(each, asyncio.CancelledError)]

    run(main())
    assert places.free == limit
    assert served == [number for number in waiting if number in served]


async def test_a_place_that_is_handed_to_somebody_who_is_cancelled_goes_to_the_next() -> None:
    places = Places(1)
    assert places.take()
    assert not places.take()
    first, second = (asyncio.create_task(places.turn()) for _ in range(2))
    await asyncio.sleep(0)
    places.leave()
    first.cancel()
    await asyncio.wait([first, second], timeout=5)
    assert first.cancelled()
    assert second.done()
    places.leave()
    assert places.free == 1
