"""Virtual time: an event loop whose clock jumps to the next timer, so that nothing ever sleeps."""

import asyncio
import gc
import math
import threading
from collections.abc import Callable, Collection, Coroutine, Iterator
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import Context
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from loafer.application.pool import ThreadPool
from loafer.application.threaded import Answers, ThreadCall
from loafer.testing.patience import wait_for_its_end
from loafer.testing.selector import VirtualSelector

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, which begins at 0."""

    def __init__(self) -> None:
        """Wait by a selector that does not wait."""
        self.virtual = VirtualSelector()
        self._turn = 0.0
        self._taken: dict[float, float] = {}
        self._steps = 0
        self._interruptions: dict[int, Callable[[], object]] = {}
        self._told = threading.Condition()
        super().__init__(self.virtual)

    def run_forever(self) -> None:
        """Run until it is stopped; garbage is collected after so many turns, and not when Python would.

        Coroutines that nobody ends go on when they are collected: a run could not be had again.
        """
        enabled = gc.isenabled()
        gc.disable()
        try:
            super().run_forever()
        finally:
            if enabled:
                gc.enable()

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.virtual.now

    def call_at(
        self, when: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back at a time; of calls asked for in one turn for one time, the first comes first."""
        if self._turn != self.virtual.now:
            self._turn, self._taken = self.virtual.now, {}
        last = self._taken.get(when)
        self._taken[when] = when if last is None else math.nextafter(last, math.inf)
        return super().call_at(self._taken[when], callback, *args, context=context)

    def call_soon(
        self, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        """Call back in the next turn; before it whatever was to come before this step."""
        self._steps += 1
        if self._interruptions and (interrupt := self._interruptions.pop(self._steps, None)) is not None:
            super().call_soon(interrupt)
        return super().call_soon(callback, *args, context=context)

    def before_step(self, steps: int, interrupt: Callable[[], object]) -> None:
        """Call back right before so many steps from now: between any two steps of the tasks on this event loop.

        A step is what is called soon; a task that goes on after an `await` is one, or the end of what it waits for is.
        """
        self._interruptions[self._steps + max(1, steps)] = interrupt

    def work_begins(self, future: "ThreadFuture[Any]", threads: Collection[threading.Thread]) -> None:
        """Let the time stand still until the thread has told all who wait for its end; what is quick has ended by now.

        Whoever waits adds a callback to the future, later than this; the thread may be slow between two of them.
        """
        wait_for_its_end(lambda seconds: bool(wait([future], seconds).done), threads)
        if future.done():
            return
        add = future.add_done_callback

        def add_awaited(callback: "Callable[[ThreadFuture[Any]], object]") -> None:
            def told(future: "ThreadFuture[Any]") -> None:
                try:
                    callback(future)
                finally:
                    self.call_soon_threadsafe(self.virtual.working.pop, told)

            self.virtual.working[told] = future, threads
            add(told)

        future.add_done_callback = add_awaited  # type: ignore[method-assign,assignment]
        future.add_done_callback(lambda _: None)

    def call_begins(self, call: ThreadCall, threads: Collection[threading.Thread]) -> None:
        """Let the time stand still until the loop knows of a call's end; what is quick has ended when this returns."""
        self.virtual.answers[call.answers] = threads
        with self._told:
            wait_for_its_end(partial(self._told.wait_for, lambda: call in call.answers.ended), threads)

    def call_ends(self, call: ThreadCall, tell: Callable[[ThreadCall], None]) -> None:
        """Tell the end of a call; whoever waits for it in `call_begins` goes on when it is told."""
        with self._told:
            tell(call)
            self._told.notify_all()

    async def shutdown_default_executor(self, *timeout: float | None) -> None:
        """Wait for the threads of `asyncio.to_thread`, while the time stands still."""
        self.virtual.working[self] = self, ()
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            del self.virtual.working[self]


@contextmanager
def threads_stop_the_time() -> Iterator[None]:
    """Let virtual time stand still meanwhile, wherever a thread of a pool works for a virtual event loop."""
    with _executors_noticed(), _pools_noticed():
        yield


@contextmanager
def _pools_noticed() -> Iterator[None]:
    """Let virtual event loops know what begins and ends in the threads of loafer's own pools."""
    put, add = ThreadPool.put, Answers.add

    def begun(pool: ThreadPool, call: ThreadCall) -> None:
        put(pool, call)
        if isinstance(call.answers.loop, VirtualLoop):
            pool.rouse()
            call.answers.loop.call_begins(call, pool._threads)  # noqa: SLF001 - nobody else may know them

    def added(answers: Answers, call: ThreadCall, *, more: bool = False) -> None:
        if isinstance(answers.loop, VirtualLoop):
            answers.loop.call_ends(call, partial(add, answers))
        else:
            add(answers, call, more=more)

    ThreadPool.put, Answers.add = begun, added  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        ThreadPool.put, Answers.add = put, add  # type: ignore[method-assign]


@contextmanager
def _executors_noticed() -> Iterator[None]:
    """Let virtual event loops know what begins and ends in the threads of executors, such as `asyncio.to_thread`'s."""
    submit = ThreadPoolExecutor.submit

    def noticed(pool: ThreadPoolExecutor, *args: Any, **kwargs: Any) -> "ThreadFuture[Any]":
        future = submit(pool, *args, **kwargs)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return future
        if isinstance(loop, VirtualLoop):
            loop.work_begins(future, pool._threads)  # noqa: SLF001 - nobody else knows them
        return future

    ThreadPoolExecutor.submit = noticed  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]


def refuse_within_a_coroutine() -> None:
    """Raise RuntimeError where an event loop runs already: the time there is another one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "an event loop runs here already; virtual time is for plain tests: write def, not async def; "
        "where that cannot be, `await adeliver(…)`, or `async with in_memory(app)`"
    )


def runner() -> asyncio.Runner:
    """Return a runner on virtual time, for several coroutines one after another; whoever asks for it closes it.

    Raises:
        RuntimeError: this is called by a coroutine.

    """
    refuse_within_a_coroutine()
    return asyncio.Runner(loop_factory=VirtualLoop)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, on an event loop of its own in virtual time.

    Raises:
        RuntimeError: it waits for something that will never happen, or an event loop runs here already.

    """
    try:
        made = runner()
    except RuntimeError:
        coroutine.close()
        raise
    with threads_stop_the_time(), made:
        return made.run(coroutine)
