"""Why a message is given up: what its dead letter says of the error, and of where in whose code it was raised."""

import sys
import time
from collections.abc import Iterator
from types import FrameType, TracebackType

from loafer.application.lane import Lane
from loafer.domain.failure import Reason, fingerprint_of
from loafer.domain.lease import Lease
from loafer.exceptions import InvalidContent

_OURS = "loafer"
_EXAMPLES = "loafer.example."


def reason_for(error: BaseException | None, lease: Lease, lane: Lane) -> Reason:
    """Return why a message is given up; an `error` of None is a message that its handler has kept without raising."""
    name = "IgnoreMessage" if error is None else type(error).__name__
    place = "" if error is None else place_of(error)
    return Reason(
        error=name,
        place=place,
        fingerprint=fingerprint_of(name, place),
        attempts=lease.attempts,
        source=lane.route.source,
        message_id=lease.message.id,
        failed_at=time.time(),
    )


def place_of(error: BaseException) -> str:
    """Return where in the handler's own code an error was raised, `module:function:line`; empty where that is nowhere.

    The handler's own code is the package of the first frame that is neither loafer's nor the standard library's; of its
    frames the innermost counts, whatever libraries that has called. Content that does not fit has its path instead.
    """
    try:
        if isinstance(error, InvalidContent):
            return f"(content) {error.path}"
        frames = [(frame, line) for frame, line in _frames(error.__traceback__) if _is_of_users(frame)]
        if not frames:
            return ""
        package = _module(frames[0][0]).partition(".")[0]
        frame, line = [pair for pair in frames if _module(pair[0]).partition(".")[0] == package][-1]
    except BaseException:  # noqa: BLE001 - an error of the user's own may raise where it is looked at
        return ""
    return f"{_module(frame)}:{frame.f_code.co_name}:{line}"


def _frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_of_users(frame: FrameType) -> bool:
    name = _module(frame)
    top = name.partition(".")[0]
    if top == _OURS:
        return name.startswith(_EXAMPLES)
    return top not in sys.stdlib_module_names
