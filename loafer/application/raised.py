"""What a user's code has raised, as a value that can be looked at: an error of their own may raise where it is."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError as CancelledFuture
from types import TracebackType

from loafer.domain.retry import asked_delay
from loafer.exceptions import IgnoreMessage, RejectMessage

FATAL = (SystemExit, KeyboardInterrupt)
"""What asks the program to end."""


LEFT_A_COROUTINE = ("coroutine raised StopIteration",)
"""What Python says of a StopIteration that leaves a coroutine, in the error that it makes of that."""


class Unusable(Exception):
    """Stands for an error of a user's own that cannot be looked at, by its name; the text, which is ours, says why."""


class UnusableDelay(Unusable):
    """Stands for an IgnoreMessage whose delay is no number of seconds: its message fails, and is kept whatever else."""


class NotStarted(RuntimeError):
    """A handler that has not run, and never does, as for want of a thread. Its message is kept, whatever else."""


class NotOurs(NotStarted):
    """A message whose lease ended while it was translated, or while middleware waited: its handler does not start."""

    def __str__(self) -> str:
        """Say so."""
        return "its lease ended meanwhile"


class NeverRuns(TypeError):
    """A handler that has returned what does its work only later, as a generator: its message is kept in any case."""


NO_END = (NotStarted, NeverRuns, asyncio.CancelledError, CancelledFuture, GeneratorExit)
"""What a handler raises that has come to no end of its own, but for what ends the program."""


class NotDone(Exception):
    """Carries, as its cause, what middleware raised where its handler was cut short, or was not called by a mistake.

    No error that a route rejects tells of a message then, only RejectMessage.
    """


def usable(error: BaseException) -> BaseException:
    """Return an error, or one in its place: no message may be lost or held for good for what it was handled with.

    Whoever is given it may ask what it is and is called, and after how many seconds it wants its message back.
    """
    try:
        asked_delay(error)
        str(type(error).__name__)
    except BaseException:  # noqa: BLE001 - whatever it is, it is the user's
        return error if issubclass(type(error), FATAL) else _in_place_of(error)
    return error


def decision_in(error: BaseException) -> BaseException:
    """Return what a handler decides by a group of errors, as a task group raises one; else what it has raised.

    That is an error that asks the program to end, whatever is beside it, or a RejectMessage or IgnoreMessage that is
    all there is. A StopIteration is one though Python makes another error of it where it leaves a coroutine.
    """
    if type(error) is RuntimeError and error.args == LEFT_A_COROUTINE and error.__cause__ is not None:
        return error.__cause__
    if not issubclass(type(error), BaseExceptionGroup):
        return error
    inner = list(leaves(error))
    fatal = next((each for each in inner if issubclass(type(each), FATAL)), None)
    if fatal is not None:
        return fatal
    alone = inner[0]
    return alone if len(inner) == 1 and issubclass(type(alone), RejectMessage | IgnoreMessage) else error


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group of errors, however deep, in their order; of another error itself."""
    left = [error]
    while left:
        each = left.pop()
        if issubclass(type(each), BaseExceptionGroup):
            left += reversed(BaseExceptionGroup.exceptions.__get__(each))
        else:
            yield each


def _in_place_of(error: BaseException) -> Unusable:
    asks = issubclass(type(error), IgnoreMessage)
    why = "its delay is no number of seconds" if asks else "it raises where it is asked what it is"
    name = type.__dict__["__name__"].__get__(type(error))
    stand_in: Unusable = type(name, (UnusableDelay if asks else Unusable,), {})(why)
    return stand_in.with_traceback(traceback_of(error))


def traceback_of(error: BaseException) -> TracebackType | None:
    """Return the traceback of an error, whatever that makes of being asked."""
    trace: TracebackType | None = BaseException.__dict__["__traceback__"].__get__(error)
    return trace
