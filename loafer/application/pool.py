"""The threads that functions run in: few wake-ups, and nothing runs later that could not be started."""

import asyncio
import atexit
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from operator import methodcaller
from typing import Self
from weakref import WeakSet

import attrs

from loafer.application.raised import NotStarted
from loafer.application.threaded import Answers, AwaitedCall, Hand, ThreadCall
from loafer.application.threads import Threads
from loafer.application.ticket import TICKET, Ticket

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class ThreadPool:
    """Threads that run functions for event loops, in the order in which they come.

    One thread is woken at a time: it wakes the next when it has taken something and more is there. So functions that
    block are not waited for. Where they are quick, it wakes nobody: it has done them before another one would be awake.

    Attributes:
        most: The number of threads; they are started when they are needed.
        name: How the names of the threads begin.
        start: Starts a thread; raises RuntimeError where there can be no more.
        threads: What jobs have of them.

    """

    most: int
    name: str = "loafer-thread"
    start: Callable[[threading.Thread], object] = methodcaller("start")
    threads: Threads = attrs.field(default=attrs.Factory(lambda self: Threads(self.most), takes_self=True), init=False)
    _guard: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _calls: deque[ThreadCall] = attrs.field(factory=deque, init=False)
    _idle: list[threading.Lock] = attrs.field(factory=list, init=False)
    """A lock for each thread that waits: released, it wakes it."""
    _threads: list[threading.Thread] = attrs.field(factory=list, init=False)
    _waking: bool = attrs.field(default=False, init=False)
    """Whether a thread is on its way to take what waits."""
    left: bool = attrs.field(default=False, init=False)
    """Whether nobody waits for functions any more whose calls are cancelled."""
    _over: bool = attrs.field(default=False, init=False)
    _short: bool = attrs.field(default=False, init=False)
    _answers: Answers | None = attrs.field(default=None, init=False)

    def begin(self, function: Callable[..., object], given: tuple[object, ...]) -> AwaitedCall:
        """Let a function run in a thread, with the context variables of now; where no thread can be had, it fails.

        Raises:
            NotStarted: the pool is closed.
            RuntimeError: no event loop runs here.

        """
        answers = self.answers()
        call = AwaitedCall(function, given, answers, copy_context(), TICKET.get(), answer=answers.loop.create_future())
        self.put(call)
        return call

    def answers(self) -> Answers:
        """Return what tells the ends of calls to the event loop that runs here; RuntimeError if none does."""
        loop = asyncio.get_running_loop()
        if self._answers is None or self._answers.loop is not loop:
            self._answers = Answers(loop)
        return self._answers

    def put(self, call: ThreadCall) -> None:
        """Let a call run in a thread, on its event loop, where it will be told; NotStarted if the pool is closed."""
        with self._guard:
            if self._over:
                raise NotStarted("the threads for functions are closed")
            if call.ticket is not None:
                call.ticket.lined_up = True
            self._calls.append(call)
        call.answers.awaited += 1
        if self.threads.quick:
            call.answers.expect(self.rouse)
        else:
            self.rouse()

    def rouse(self) -> bool:
        """Wake or start a thread, on the event loop, if anything waits for one; tell whether it does."""
        with self._guard:
            waits, thread = bool(self._calls), self._rouse()
        if thread is not None:
            self._start(thread)
        return waits

    def withdraw(self, call: ThreadCall) -> bool:
        """Keep a call from its start, on its event loop; False if it is too late for that."""
        with self._guard:
            if call not in self._calls:
                return False
            self._calls.remove(call)
        call.answers.awaited -= 1
        return True

    @property
    def waiting_since(self) -> float | None:
        """Since when the message waits that stands first in the line; None: none does."""
        return next((call.ticket.since for call in list(self._calls) if call.ticket is not None), None)

    def take_back(self) -> list[Ticket]:
        """Take the messages out of the line, on their event loop, whose functions have not begun; they never run."""
        with self._guard:
            back = [(call, call.ticket) for call in self._calls if call.ticket is not None]
            self._calls = deque(call for call in self._calls if call.ticket is None)
        for call, ticket in back:
            ticket.void, ticket.lined_up = True, False
            call.answers.awaited -= 1
            call.withdrawn = True
            call.told()
        return [ticket for _, ticket in back]

    def close(self) -> None:
        """Withdraw what has not started, and end the threads; those that run a function, when that has ended."""
        self.leave()
        with self._guard:
            self._over = True
            calls, idle = list(self._calls), list(self._idle)
            self._calls.clear()
            self._idle.clear()
        for bell in idle:
            bell.release()
        for call in calls:
            call.withdrawn = True
            call.answers.add(call)

    def wait(self) -> None:
        """Wait until the threads have ended, once the pool is closed."""
        for thread in list(self._threads):
            thread.join()

    def leave(self) -> None:
        """Let whoever is cancelled leave what runs alone from now on: a stop has given it up."""
        self.left = True

    @property
    def runs(self) -> bool:
        """Whether there is a thread."""
        return any(thread.is_alive() for thread in list(self._threads))

    def __enter__(self) -> Self:
        """Return the pool itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, and wait for what runs."""
        self.close()
        self.wait()

    def _rouse(self) -> threading.Thread | None:
        """Wake a thread for what waits, or return one to start; the guard is held."""
        if self._waking or not self._calls:
            return None
        if self._idle:
            self._waking = True
            self._idle.pop().release()
            return None
        if len(self._threads) >= self.most:
            return None
        self._waking = True
        name = f"{self.name}_{len(self._threads)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._threads.append(thread)
        return thread

    def _start(self, thread: threading.Thread) -> None:
        """Start a thread; where there can be none, the others do what waits, and without others it fails."""
        try:
            self.start(thread)
        except Exception as error:  # noqa: BLE001 - whatever it is, what waits must neither be lost nor run later
            self._not_started(thread, error)
            return
        self._short = False
        POOLS.add(self)

    def _not_started(self, thread: threading.Thread, error: Exception) -> None:
        with self._guard:
            self._threads.remove(thread)
            threads, failed = len(self._threads), []
            self._waking = False
            if not threads:
                failed = list(self._calls)
                self._calls.clear()
            elif self._idle:
                self._rouse()
        for call in failed:
            refused = NotStarted(f"no thread can be started to run it: {error}")
            refused.__cause__ = error
            call.fail(refused)
        if not self._short:
            self._short = True
            text = "functions run in %d threads, where %d were asked for, because no more can be started: %s"
            logger.warning(text, threads, self.most, error)

    def _serve(self) -> None:
        hand, raised = Hand(), None
        while True:
            try:
                if raised is not None:
                    hand, raised = self._go_on(hand, raised), None
                self._work(hand)
            except BaseException as error:  # noqa: BLE001 - a time limit of others' that comes when its function has ended
                raised = error.with_traceback(None)  # no circle
            else:
                return

    def _work(self, hand: Hand) -> None:
        """Run what waits, until the pool is closed."""
        hand.bell.acquire()
        woken = True
        while True:
            with self._guard:
                if woken:
                    self._waking = False
                if self._calls:
                    call = hand.call = self._calls[0]
                    del self._calls[0]  # no call of popleft(): what is raised from outside is raised where one returns
                    # What came before they were known as quick, nobody looks after but the threads themselves.
                    thread = None if self._waking or (self.threads.quick and call.answers.looks) else self._rouse()
                elif self._over:
                    return
                else:
                    call, thread = None, None
                    self._idle.append(hand.bell)
            woken = call is None
            if call is None:
                hand.bell.acquire()
                continue
            if thread is not None:
                self._start(thread)
            call.run()
            call.answers.add(call, more=bool(self._calls) and self.threads.quick)
            del call, thread  # nothing of them is held while this thread waits
            hand.call = None

    def _go_on(self, hand: Hand, raised: BaseException) -> Hand:
        """Bring to its end what a thread had in hand where something was raised from outside; return an empty one."""
        with self._guard:
            if hand.bell in self._idle:
                self._idle.remove(hand.bell)
            # One that it was to start may never come.
            self._threads = [thread for thread in self._threads if thread.ident is not None]
            call = None if hand.call in self._calls else hand.call
        if call is not None:
            if not call.ended:
                call.error, call.ended = raised, True
            call.answers.again(call)
        logger.warning("%r was raised from outside in a thread for functions when its function had ended", raised)
        return Hand()


POOLS: WeakSet[ThreadPool] = WeakSet()
"""The pools that have started a thread."""


@atexit.register
def wait_for_functions() -> None:
    """Let functions end before the process does, as Python's own pools do; what has not started never runs."""
    for pool in list(POOLS):
        if pool.runs:  # after a fork nothing does, and its guard may be held for ever
            pool.close()
            pool.wait()
