"""What the steps of a walk through middleware raise in tasks of their own, and whether anybody has heard of it."""

import asyncio
import traceback
from collections.abc import Iterator
from itertools import count
from types import FrameType
from typing import TypeAlias

import attrs

from loafer.application.raised import FATAL, decision_in, leaves, traceback_of
from loafer.application.tasks import LONGEST_CHAIN

Task: TypeAlias = "asyncio.Task[object] | None"
Raised: TypeAlias = tuple[BaseException, FrameType | None]
"""An error, and the outermost frame of the task that has raised it; None: it is not known."""

_CAUSE, _CONTEXT = (BaseException.__dict__[name].__get__ for name in ("__cause__", "__context__"))
_NUMBERS = count(1)
_RAISED_BY = "__loafer_walk__"
"""Where an error says the number of the walk that has raised it last: several may raise one object."""


@attrs.define(eq=False)
class Unheard:
    """What the last step of each task has raised that is not the walk's own; of one walk."""

    _number: int = attrs.field(factory=lambda: next(_NUMBERS), init=False)
    _raised: dict[Task, Raised] = attrs.field(factory=dict, init=False)

    @property
    def tasks(self) -> list[Task]:
        """The tasks that have raised something."""
        return list(self._raised)

    def add(self, task: Task, error: BaseException) -> None:
        """Note what a task has raised, which runs yet."""
        self._raised[task] = error, _frame_of(task)

    def forget(self, task: Task) -> None:
        """Note that something else has come of a task, or that what it has raised was made good."""
        self._raised.pop(task, None)

    def clear(self) -> None:
        """Forget everything: what was raised leads back here by its traceback, and that is to be no circle."""
        self._raised = {}

    def mark(self, error: BaseException) -> None:
        """Note that this walk raises an error."""
        object.__setattr__(error, _RAISED_BY, self._number)

    def unheard_tasks(self, *, done: bool) -> set[Task]:
        """Return the tasks that have raised what nobody has heard of; `done`: the handler has returned in one run."""
        raised = list(self._raised.items())  # a step in another thread's event loop may end just now
        return {task for task, (_, frame) in raised if self._is_unheard(task, frame, done)}

    def first(self, tasks: set[Task], beside: BaseException | None = None) -> BaseException | None:
        """Return what the first of some tasks has raised; None: none of them has, or that was made good.

        With `beside` it is none that this error comes of, or has in it: whoever raised that has heard of it.
        """
        heard = set(map(id, _comes_of(beside)))
        found = (error for task, (error, _) in self._raised.items() if task in tasks)
        return next((error for error in found if id(error) not in heard), None)

    def _is_unheard(self, task: Task, frame: FrameType | None, done: bool) -> bool:
        """Tell whether what a task has raised was raised nowhere else: it goes on, or no traceback leads beyond it.

        asyncio itself looks at what tasks have raised, as `gather` does once nobody waits for it, and tells nobody. Who
        cancels a task knows that it did nothing: that is well only if the handler has returned in another run. Where
        its coroutine is none of Python's own, as in a compiled module, nobody can tell, and none has heard of it; nor
        where another walk has raised the same object since, as all do that wait for one future: a traceback leads
        through the last alone.
        """
        if task is None or not task.done():
            return True
        if task.cancelled():
            return not done
        if getattr(task, "_log_traceback", False) or task.get_loop() is not asyncio.get_running_loop():
            return True  # nobody has even looked at it, or only whoever runs another event loop
        error = task.exception()
        if error is None:
            return False
        if issubclass(type(decision_in(error)), FATAL):
            return True  # asyncio has raised it out of the event loop, and its traceback leads there
        frames = [each for each, _ in traceback.walk_tb(traceback_of(error))]
        return frame is None or frame not in frames[1:] or not self._is_marked(error)

    def _is_marked(self, error: BaseException) -> bool:
        """Tell whether this walk was the last to raise an error."""
        number: object = object.__getattribute__(error, "__dict__").get(_RAISED_BY)
        return number == self._number


def _comes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, what it was raised for, and so on, with what is in groups of errors."""
    for _ in range(LONGEST_CHAIN):
        if error is None:
            break
        yield from (error, *leaves(error))
        cause = _CAUSE(error)
        error = _CONTEXT(error) if cause is None else cause


def _frame_of(task: Task) -> FrameType | None:
    """Return the frame of a task that runs; one that was over at once has none any more, and Python 3.12.1 crashes."""
    return None if task is None else getattr(task.get_coro(), "cr_frame", None)
