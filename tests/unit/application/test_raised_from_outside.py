import asyncio
import itertools
import linecache
import threading
from types import FrameType

import pytest

from loafer.application.handler import ThreadHandler
from loafer.application.pool import ThreadPool


class RaisedFromOutside:
    """Raises something at the n-th line of Loafer's own that threads run once each has run a function.

    As a time limit of others' may do that comes when its function has ended.
    """

    def __init__(self, number: int) -> None:
        self.left = number
        self.served: set[int] = set()
        """The threads that have run a function, as something that comes too late presumes."""

    def __call__(self, frame: FrameType, event: str, _: object) -> "RaisedFromOutside | None":
        """Be the trace function of the thread."""
        if not frame.f_code.co_filename.endswith(("application/pool.py", "application/threaded.py")):
            return None
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
        if event == "line" and threading.get_ident() in self.served and not line.startswith("with "):
            # Between a `with` and what it is for, nothing can be raised from outside; a tracer could.
            self.left -= 1
            if self.left == 0:
                raise TimeoutError("from outside")
        return self


async def ends_of(pool: ThreadPool, raised: RaisedFromOutside, numbers: list[int]) -> list[bool]:
    """Let functions run; return of each whether what was raised has failed it: if not, it returned what it was to."""

    def function(number: int) -> int:
        raised.served.add(threading.get_ident())
        return number

    async with asyncio.timeout(20):
        calls = [ThreadHandler(function, pool)(number) for number in numbers]
        ends = await asyncio.gather(*calls, return_exceptions=True)
    failed = [isinstance(end, TimeoutError) for end in ends]
    assert [end for end, fell in zip(ends, failed, strict=True) if not fell] == [
        number for number, fell in zip(numbers, failed, strict=True) if not fell
    ]
    return failed


@pytest.mark.parametrize("most", [1, 2])
def test_wherever_something_is_raised_in_a_thread_from_outside_each_function_is_answered_and_others_run(
    most: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(raised: RaisedFromOutside) -> None:
        with ThreadPool(most) as pool:
            failed = [fell for numbers in ([0], [1, 2, 3], [4, 5]) for fell in await ends_of(pool, raised, numbers)]
            raised.served.clear()
            answers = pool.answers()
        assert sum(failed) <= 1
        assert (answers.awaited, pool.runs) == (0, False)

    for number in itertools.count(1):
        raised = RaisedFromOutside(number)
        monkeypatch.setattr("threading._trace_hook", raised)
        asyncio.run(main(raised))
        if raised.left > 0:
            break
    assert number > 50
    assert "TimeoutError('from outside') was raised from outside in a thread for functions" in caplog.text
