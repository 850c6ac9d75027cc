"""What the log says of a delivery that has ended."""

import asyncio
import logging
import traceback
from collections.abc import Iterator

from loafer.application.delivery import Delivery
from loafer.application.options import Tracebacks
from loafer.domain.lifecycle import InvalidTranslation, Outcome
from loafer.exceptions import HandlerTimeout, InvalidContent

logger = logging.getLogger(__name__)

LONGEST_REASON = 500
"""Characters of a reason that a handler or a translator gave."""

_WHERE = "; its traceback is logged at DEBUG"


def report(delivery: Delivery, tracebacks: Tracebacks) -> None:
    """Log a delivery: an ERROR where it failed, a WARNING where that deleted a message unhandled."""
    message, route, error = delivery.message.id, delivery.route, delivery.error
    match delivery.outcome:
        case Outcome.SUCCEEDED:
            logger.debug("message %s on route %s: done", message, route)
        case Outcome.REJECTED | Outcome.IGNORED if error is None:  # which is told once a minute, and how many
            logger.debug("message %s: no route of its source takes it", message)
        case Outcome.REJECTED:
            logger.warning("message %s on route %s is deleted: rejected by its handler%s", message, route, _why(error))
        case Outcome.IGNORED:
            text = "message %s on route %s is kept: ignored by its handler%s%s"
            logger.info(text, message, route, _why(error), _when(error))
        case Outcome.UNTRANSLATED:
            _report_failure(delivery, "not translated", tracebacks)
        case Outcome.FAILED if isinstance(error, InvalidContent):  # which says all there is to say
            logger.warning("message %s on route %s is kept: its content does not fit: %s", message, route, error)
        case Outcome.FAILED:
            cancelled = isinstance(error, asyncio.CancelledError)
            _report_failure(delivery, "its handler was cancelled" if cancelled else "its handler failed", tracebacks)


def _report_failure(delivery: Delivery, what: str, tracebacks: Tracebacks) -> None:
    message, route, error = delivery.message.id, delivery.route, delivery.error
    text, told = "message %s on route %s is kept: %s: %s%s", (message, route, what, _place(error))
    if not isinstance(error, Exception):  # it asks loafer to stop, or loafer stops: no mistake of the handler's
        logger.warning(text, *told, "")
    elif isinstance(error, InvalidTranslation):
        logger.error(text, *told, "")
    elif tracebacks == "full":
        logger.error(text, *told, "", exc_info=error)
    else:
        logger.error(text, *told, "".join(_frames(error)) if tracebacks == "frames" else _WHERE)
        logger.debug("message %s: the traceback", message, exc_info=error)


def _place(error: BaseException | None) -> str:
    """Return the kind of an error and where it was raised; its text could quote the body, ours never does."""
    if error is None or isinstance(error, InvalidTranslation | HandlerTimeout):
        return _line(error)
    place = ""
    trace = error.__traceback__
    while trace is not None:
        place = f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})"
        trace = trace.tb_next
    return f"{type(error).__name__}{place}"


def _frames(error: BaseException | None) -> Iterator[str]:
    """Yield, for an error and those that led to it, its kind and the lines of code, without its text."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield f"\n{type(error).__name__}, raised in:\n"
        yield "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _why(error: BaseException | None) -> str:
    """Return the reason that a handler gave, on one line."""
    reason = _line(error)
    return f": {reason}" if reason else ", without a reason"


def _line(error: BaseException | None) -> str:
    """Return what an error says, on one line: it may be a user's."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an error may be of a class of the user's, and say nothing
        text = ""
    said = "".join(character if character.isprintable() else "?" for character in text[: LONGEST_REASON + 1])
    return f"{said[:LONGEST_REASON]}…" if len(said) > LONGEST_REASON else said


def _when(error: BaseException | None) -> str:
    delay = getattr(error, "delay", None)
    return "" if delay is None else f"; it comes back in {delay:g} s"
