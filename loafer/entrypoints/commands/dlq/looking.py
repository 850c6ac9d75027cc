"""One look at a queue on behalf of a command: opened, gone through until a signal, given back, closed."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

import attrs

from loafer.application.letters.browsing import Browsing, browsing, hidden_for
from loafer.domain.shown import printable
from loafer.entrypoints.worker.signals import Signals
from loafer.entrypoints.worker.starting import stop_signals
from loafer.exceptions import ConfigurationError, ConsumerError, ConsumerUnavailable
from loafer.ports.inspector import Inspector, QueueState

Value = TypeVar("Value")
Tell = Callable[[str], None]

DONE, FAILED, USAGE, UNFINISHED = 0, 1, 2, 3
"""Exit statuses."""

NOT_SEEN = "not seen: somebody hides them still, as what died does for a minute or so; or they are counted late, or new"
"""What is said where a queue has more messages than it has shown."""

AGAIN = 5
"""How often a queue that cannot be reached for now is asked."""


def inspector_of(queue: str) -> Inspector:
    """Return the inspector of a queue's name, URL or ARN; ConfigurationError if it is none of them."""
    if queue.startswith("memory://"):
        raise ConfigurationError(f"{printable(queue)}: a queue in memory ends with its process; give one on SQS")
    from loafer.adapters.aws.inspector import SQSInspector  # noqa: PLC0415 - the SDK is slow to import

    return SQSInspector(queue)


@asynccontextmanager
async def opened(inspector: Inspector) -> AsyncIterator[QueueState]:
    """Open an inspector and close it; raises as `Inspector.open`, for what may pass after some tries."""
    try:
        yield await again_and_again(inspector.open)
    finally:
        await inspector.close()


async def sources_of(inspector: Inspector) -> tuple[str, ...] | None:
    """Return whose dead-letter queue it is; None where nobody may ask, or the endpoint does not know the question.

    Raises:
        ConsumerUnavailable: it could not be asked for now, after some tries.

    """
    try:
        return tuple(map(printable, await again_and_again(inspector.sources)))
    except ConsumerError:
        return None


async def again_and_again(ask: Callable[[], Awaitable[Value]]) -> Value:
    """Return what a queue answers; raises what its last try raises, and what will not pass."""
    for attempt in range(1, AGAIN):
        try:
            return await ask()
        except ConsumerUnavailable:
            await asyncio.sleep(attempt / 2)
    return await ask()


@attrs.frozen
class Talk:
    """How a command speaks.

    Attributes:
        echo: Prints a result.
        tell: Prints to standard error what is no result.
        as_json: Results are JSON.

    """

    echo: Tell
    tell: Tell
    as_json: bool = False


@attrs.define(eq=False)
class Stop:
    """Whether somebody has asked for the end: the first time things are ended well, the second time at once."""

    asked: bool = False

    def __call__(self) -> bool:
        """Tell it."""
        return self.asked


def run_until_stopped(work: Callable[[Stop], Coroutine[Any, Any, Value]], tell: Tell) -> Value:
    """Run a coroutine that ends well on the first Ctrl-C, SIGTERM or SIGHUP, and is cancelled on the second.

    Raises:
        KeyboardInterrupt: it was cancelled.

    """
    ear = _Ear(Stop(), tell)

    async def main() -> Value:
        task = asyncio.ensure_future(work(ear.stop))
        ear.work = task
        return await task

    with ear.listening():
        try:
            return asyncio.run(main())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


@attrs.define(eq=False)
class _Ear:
    """Hears signals, those within half a second as one; also while a filter keeps the event loop from going on."""

    stop: Stop
    tell: Tell
    work: "asyncio.Future[Any] | None" = None
    _signals: Signals = attrs.field(factory=Signals)
    _told: bool = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._hear) for number in stop_signals()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        if not self._signals.count():
            return
        if self.work is None or (self.stop.asked and not self._told):  # nothing is begun, or nothing goes on
            raise KeyboardInterrupt
        with suppress(RuntimeError):  # all is over
            self.work.get_loop().call_soon_threadsafe(self.work.cancel if self.stop.asked else self._tell)
        self.stop.asked = True

    def _tell(self) -> None:
        self._told = True
        after_bar = "\n" if sys.stderr.isatty() else ""
        self.tell(f"{after_bar}stopping: what is held is given back; once more ends it at once")


@asynccontextmanager
async def looked_at(inspector: Inspector, state: QueueState, stop: Stop, tell: Tell) -> AsyncIterator[Browsing]:
    """Look at an open queue, and say before what that does to it, and afterwards what stays hidden."""
    seconds = hidden_for(state.total)
    tell(f"looking at {state.name}: each message is received once more and hidden;")
    tell(f"all are given back at the end or on Ctrl-C, and if this dies, after {seconds:.0f} s")
    if state.dead_letters is not None:
        tell(f"beware: {state.name} has a dead-letter queue of its own, and this is a receive: what was received often")
        tell(f"enough moves on to {state.dead_letters}")
    async with browsing(inspector, seconds, time.monotonic, stop) as look:
        yield look
    if look.left_hidden:
        why = f" ({look.why_hidden})" if look.why_hidden else ""
        tell(f"{look.left_hidden} messages could not be given back{why}: they stay hidden for up to {seconds:.0f} s")


def seen_of(look: Browsing, state: QueueState, *, complete: bool) -> str:
    """Return how much of a queue a look has shown."""
    if state.ordered and look.seen < state.total:
        return f"seen {look.seen} of ~{state.total}, the first of each group"
    return f"{look.seen} seen of ~{state.total}" + ("" if complete else ", stopped before the end")
