"""What the log says of a delivery that has ended."""

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence

import attrs

from loafer.application.delivery import Delivery
from loafer.application.options import Tracebacks
from loafer.application.raised import NotOurs, Unusable
from loafer.domain.lifecycle import InvalidTranslation, NotCalledOn, Outcome
from loafer.domain.retry import asked_delay
from loafer.exceptions import HandlerTimeout, InvalidContent

logger = logging.getLogger(__name__)

LONGEST_REASON = 500
"""Characters of a reason that a handler or a translator gave."""

_WHERE = "; its traceback is logged at DEBUG"


@attrs.frozen
class Company:
    """Other messages of the same batch that one error keeps too, and that are told with it.

    Attributes:
        others: How many more are told with this one.
        first: The id of the message that this one is told with; None: it is told itself.

    """

    others: int = 0
    first: str | None = None

    def __str__(self) -> str:
        """Return what a line says of them."""
        return f", with {self.others} other{'s' * (self.others > 1)} of its batch" if self.others else ""


ALONE = Company()


def companies(deliveries: Sequence[Delivery]) -> list[Company]:
    """Return of each message of a batch with which others it is told: one error is told once, however many it keeps.

    What is deleted unhandled is told one by one.
    """
    keys = [_keeper(each) for each in deliveries]
    counts, firsts = Counter(keys), dict[object, str]()
    told = []
    for delivery, key in zip(deliveries, keys, strict=True):
        first = delivery.message.id if key is None else firsts.setdefault(key, delivery.message.id)
        if key is None:
            told.append(ALONE)
        else:
            told.append(Company(counts[key] - 1) if first == delivery.message.id else Company(first=first))
    return told


def _keeper(delivery: Delivery) -> object:
    """Return what the messages that one error keeps have in common; None: no error keeps this one."""
    error = delivery.error
    if error is None or delivery.outcome not in (Outcome.FAILED, Outcome.IGNORED):
        return None
    return asyncio.CancelledError if isinstance(error, asyncio.CancelledError) else id(error)  # a stop makes several


def report(delivery: Delivery, tracebacks: Tracebacks, company: Company = ALONE) -> None:
    """Log a delivery: an ERROR where it failed, a WARNING where that deleted a message unhandled."""
    message, route, error = delivery.message.id, delivery.route, delivery.error
    if company.first is not None:
        logger.debug("message %s on route %s is kept, as message %s of its batch", message, route, company.first)
        return
    match delivery.outcome:
        case Outcome.SUCCEEDED:
            logger.debug("message %s on route %s: done", message, route)
        case Outcome.REJECTED | Outcome.IGNORED if error is None:  # which is told once a minute, and how many
            logger.debug("message %s: no route of its source that runs here takes it", message)
        case Outcome.REJECTED if isinstance(error, InvalidContent):  # its route rejects that; no handler was called
            logger.warning("message %s on route %s is deleted: its content does not fit: %s", message, route, error)
        case Outcome.REJECTED:
            logger.warning("message %s on route %s is deleted: rejected by its handler%s", message, route, _why(error))
        case Outcome.IGNORED:
            _report_ignored(delivery, company)
        case Outcome.UNTRANSLATED:
            _report_failure(delivery, "not translated", tracebacks, company)
        case Outcome.FAILED if isinstance(error, InvalidContent):  # which says all there is to say
            text = "message %s on route %s is kept%s: its content does not fit: %s"
            logger.warning(text, message, route, company, error)
        case Outcome.FAILED:
            _report_failure(delivery, _what_failed(delivery), tracebacks, company)


def _report_ignored(delivery: Delivery, company: Company) -> None:
    message, route, error = delivery.message.id, delivery.route, delivery.error
    if isinstance(error, NotCalledOn):  # a mistake: who means it raises IgnoreMessage
        text = "message %s on route %s is kept%s: %s; await call_next(), or raise IgnoreMessage"
        logger.warning(text, message, route, company, error)
    else:
        text = "message %s on route %s is kept%s: ignored by its handler%s%s"
        logger.info(text, message, route, company, _why(error), _when(error))


def _what_failed(delivery: Delivery) -> str:
    if delivery.undecided:
        return "a condition of its routes failed"
    if isinstance(delivery.error, NotOurs):
        return "its handler is not called"
    return "its handler was cancelled" if isinstance(delivery.error, asyncio.CancelledError) else "its handler failed"


def _report_failure(delivery: Delivery, what: str, tracebacks: Tracebacks, company: Company) -> None:
    message, route, error = delivery.message.id, delivery.route, delivery.error
    text, told = "message %s on route %s is kept%s: %s: %s%s", (message, route, company, what, _place(error))
    from_outside = not isinstance(error, Exception)  # it asks loafer to stop, or loafer stops
    if from_outside or isinstance(error, NotOurs):  # no mistake of the handler's
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
    if error is None or isinstance(error, InvalidTranslation | HandlerTimeout | NotOurs):
        return _line(error)
    place = ""
    trace = error.__traceback__
    while trace is not None:
        place = f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})"
        trace = trace.tb_next
    why = f": {error}" if isinstance(error, Unusable) else ""
    return f"{type(error).__name__}{why}{place}"


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
    except BaseException:  # noqa: BLE001 - an error may be of a class of the user's, and say nothing
        text = ""
    said = "".join(character if character.isprintable() else "?" for character in text[: LONGEST_REASON + 1])
    return f"{said[:LONGEST_REASON]}…" if len(said) > LONGEST_REASON else said


def _when(error: BaseException | None) -> str:
    delay = asked_delay(error)
    return "" if delay is None else f"; it comes back in {delay:g} s"
