import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from loafer.application.handler import ThreadHandler
from loafer.exceptions import RejectMessage


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.mark.parametrize(
    "error", [ValueError("no"), RejectMessage(), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()]
)
async def test_whatever_a_function_raises_is_raised(error: BaseException, pool: ThreadPoolExecutor) -> None:
    def raises(content: object) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await ThreadHandler(raises, pool)("content")
    assert caught.value is error


async def test_a_stop_iteration_is_raised_as_in_any_coroutine(pool: ThreadPoolExecutor) -> None:
    def raises(content: object) -> None:
        raise StopIteration(5)

    with pytest.raises(RuntimeError) as caught:
        await ThreadHandler(raises, pool)("content")
    assert isinstance(caught.value.__cause__, StopIteration)


async def test_the_pool_works_on_after_a_system_exit(pool: ThreadPoolExecutor) -> None:
    def exits(content: object) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await ThreadHandler(exits, pool)("content")
    seen: list[object] = []
    await ThreadHandler(seen.append, pool)("content")
    assert seen == ["content"]


async def test_the_event_loop_goes_on_while_a_function_blocks(pool: ThreadPoolExecutor) -> None:
    released = threading.Event()
    call = asyncio.ensure_future(ThreadHandler(lambda content: released.wait(10), pool)("content"))
    await asyncio.sleep(0)
    assert not call.done()
    released.set()
    await call
