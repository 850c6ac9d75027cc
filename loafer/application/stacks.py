"""Where a handler is: the stack of its coroutine, or of the thread that its function runs in."""

import gc
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import AsyncGeneratorType, FrameType
from typing import TYPE_CHECKING, Any

from loafer.application.handled import HANDLED
from loafer.application.threaded import ThreadCall
from loafer.domain.lease import Lease

if TYPE_CHECKING:
    import asyncio

_OURS = str(Path(__file__).parent)
"""Whose frames are left out: they are the same for every handler."""

_STEPS = ("async_generator_asend", "async_generator_athrow")
"""What is awaited of an asynchronous generator: its next item, or its end."""


def stack_of(task: "asyncio.Task[None] | None", lease: Lease, loop_thread: int | None) -> str:
    """Return where the handling of a message is, as text; on any thread.

    `loop_thread` is the thread of the event loop, which the task may be blocking. A task that is being started is None.
    """
    frames = list(_frames_of_thread(lease) or _frames_of_task(task, loop_thread))
    theirs = [frame for frame in frames if not frame.f_code.co_filename.startswith(_OURS)] or frames
    return "".join(traceback.StackSummary.extract((frame, frame.f_lineno) for frame in theirs).format())


def _frames_of_thread(lease: Lease) -> list[FrameType]:
    """Return the frames of the function that handles a message in a thread, the innermost last; or none."""
    for frame in sys._current_frames().values():  # noqa: SLF001 - the documented way to other threads' stacks
        frames = list(_outwards(frame))
        calls = [each.f_locals.get("self") for each in frames if each.f_code is ThreadCall.run.__code__]
        if any(isinstance(call, ThreadCall) and _is_about(call, lease) for call in calls):
            return frames[::-1]
    return []


def _is_about(call: ThreadCall, lease: Lease) -> bool:
    handled = call.context.get(HANDLED)
    return handled is not None and handled[1].id == lease.message.id


def _frames_of_task(task: "asyncio.Task[None] | None", loop_thread: int | None) -> Iterator[FrameType]:
    if task is None:
        yield from _frames_of(loop_thread)
        return
    coroutine: Any = task.get_coro()
    while coroutine is not None:
        running, frame, awaited = _state(coroutine)
        if running:
            yield from _frames_of(loop_thread)
            return
        if frame is not None:
            yield frame
        coroutine = awaited


def _frames_of(thread: int | None) -> list[FrameType]:
    return list(_outwards(sys._current_frames().get(thread or 0)))[::-1]  # noqa: SLF001 - as above


def _state(coroutine: Any) -> tuple[bool, FrameType | None, Any]:
    """Return whether a coroutine or generator runs, its frame, and what it waits for."""
    for kind, awaited in (("cr", "cr_await"), ("gi", "gi_yieldfrom")):
        if hasattr(type(coroutine), awaited):  # an object of a user's own may raise where it is asked itself
            running = getattr(coroutine, f"{kind}_running")
            return bool(running), getattr(coroutine, f"{kind}_frame"), getattr(coroutine, awaited)
    if isinstance(coroutine, AsyncGeneratorType):  # if it ran, so would what waits for it
        return False, coroutine.ag_frame, coroutine.ag_await
    return False, None, _generator_of(coroutine)


def _generator_of(awaited: Any) -> AsyncGeneratorType[Any, Any] | None:
    """Return the generator that an `async for` waits for: what it awaits says nothing of itself, but refers to it."""
    if type(awaited).__name__ not in _STEPS:
        return None
    return next((each for each in gc.get_referents(awaited) if isinstance(each, AsyncGeneratorType)), None)


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
