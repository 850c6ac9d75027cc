"""Every line of a delivery's report, word for word, and with which others of its batch a message is told."""

import asyncio
import logging

import pytest
from test_report import MESSAGE, raised

from loafer.application.delivery import Delivery
from loafer.application.options import Tracebacks
from loafer.application.report import ALONE, LONGEST_REASON, Company, companies, report
from loafer.domain.lifecycle import InvalidTranslation, NotCalledOn, Outcome
from loafer.domain.message import Message
from loafer.exceptions import HandlerTimeout, IgnoreMessage, InvalidContent, RejectMessage

DEBUG, INFO, WARNING, ERROR = "DEBUG", "INFO", "WARNING", "ERROR"
KEPT = "message m-1 on route orders is kept"
NO_VALUE = ValueError()

CALL_ON = "; await call_next(), or raise IgnoreMessage"


def delivery(outcome: Outcome, error: BaseException | None = None, *, undecided: bool = False) -> Delivery:
    return Delivery("orders", MESSAGE, outcome, error, undecided=undecided)


@pytest.mark.parametrize(
    ("ended", "company", "level", "text"),
    [
        (delivery(Outcome.SUCCEEDED), ALONE, DEBUG, "message m-1 on route orders: done"),
        (delivery(Outcome.REJECTED), ALONE, DEBUG, "message m-1: no route of its source that runs here takes it"),
        (delivery(Outcome.IGNORED), ALONE, DEBUG, "message m-1: no route of its source that runs here takes it"),
        (
            delivery(Outcome.REJECTED, RejectMessage("no")),
            ALONE,
            WARNING,
            "message m-1 on route orders is deleted: rejected by its handler: no",
        ),
        (
            delivery(Outcome.REJECTED, InvalidContent("$", "expected int")),
            ALONE,
            WARNING,
            "message m-1 on route orders is deleted: its content does not fit: $: expected int",
        ),
        (
            delivery(Outcome.IGNORED, NotCalledOn("the middleware x did not call on")),
            Company(1),
            WARNING,
            f"{KEPT}, with 1 other of its batch: the middleware x did not call on{CALL_ON}",
        ),
        (
            delivery(Outcome.IGNORED, IgnoreMessage("busy", delay=1.5)),
            Company(1),
            INFO,
            f"{KEPT}, with 1 other of its batch: ignored by its handler: busy; it comes back in 1.5 s",
        ),
        (
            delivery(Outcome.UNTRANSLATED, InvalidTranslation("content None")),
            Company(2),
            ERROR,
            f"{KEPT}, with 2 others of its batch: not translated: content None",
        ),
        (
            delivery(Outcome.FAILED, InvalidContent("$", "expected int")),
            Company(2),
            WARNING,
            f"{KEPT}, with 2 others of its batch: its content does not fit: $: expected int",
        ),
        (
            delivery(Outcome.FAILED, NO_VALUE),
            Company(2),
            ERROR,
            f"{KEPT}, with 2 others of its batch: its handler failed: ValueError",
        ),
        (delivery(Outcome.FAILED, HandlerTimeout("too long")), ALONE, ERROR, f"{KEPT}: its handler failed: too long"),
        (
            delivery(Outcome.FAILED, asyncio.CancelledError()),
            ALONE,
            WARNING,
            f"{KEPT}: its handler was cancelled: CancelledError",
        ),
        (delivery(Outcome.FAILED, SystemExit(3)), ALONE, WARNING, f"{KEPT}: its handler failed: SystemExit"),
        (
            delivery(Outcome.FAILED, NO_VALUE, undecided=True),
            ALONE,
            ERROR,
            f"{KEPT}: a condition of its routes failed: ValueError",
        ),
        (
            delivery(Outcome.FAILED, NO_VALUE),
            Company(first="m-0"),
            DEBUG,
            f"{KEPT}, as message m-0 of its batch",
        ),
    ],
)
def test_a_delivery_is_one_line(
    ended: Delivery, company: Company, level: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        report(ended, "full", company)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [(level, text)]


@pytest.mark.parametrize("tracebacks", ["frames", "off"])
def test_a_traceback_that_is_not_shown_is_logged_at_debug(
    tracebacks: Tracebacks, caplog: pytest.LogCaptureFixture
) -> None:
    error = raised(ValueError("secret"))
    with caplog.at_level(logging.DEBUG):
        report(delivery(Outcome.FAILED, error), tracebacks)
    line, traceback = caplog.records
    first, *more = line.getMessage().splitlines()
    place = f"{KEPT}: its handler failed: ValueError (test_report.py:18)"
    if tracebacks == "off":
        assert (first, more) == (f"{place}; its traceback is logged at DEBUG", [])
    else:
        assert (first, more[0], more[1][:8]) == (place, "ValueError, raised in:", '  File "')
        assert not line.getMessage().endswith("\n")
    assert (line.levelname, line.exc_info) == (ERROR, None)
    assert (traceback.levelname, traceback.getMessage()) == (DEBUG, "message m-1: the traceback")
    assert traceback.exc_info is not None
    assert traceback.exc_info[1] is error


def test_frames_are_those_of_the_cause_or_of_what_was_handled_but_not_of_what_was_suppressed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def kinds(error: BaseException) -> list[str]:
        caplog.clear()
        report(delivery(Outcome.FAILED, error), "frames")
        lines = caplog.records[0].getMessage().splitlines()
        return [line.removesuffix(", raised in:") for line in lines if line.endswith(", raised in:")]

    handled = ValueError()
    handled.__context__ = KeyError()
    assert kinds(handled) == ["ValueError", "KeyError"]
    suppressed = ValueError()
    suppressed.__context__, suppressed.__suppress_context__ = KeyError(), True
    assert kinds(suppressed) == ["ValueError"]
    caused = ValueError()
    caused.__context__, caused.__cause__ = KeyError(), OSError()
    assert kinds(caused) == ["ValueError", "OSError"]


def test_the_line_names_the_file_in_which_the_error_was_raised_and_not_the_one_that_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def outer() -> None:
        raise raised(KeyError("x"))

    try:
        outer()
    except KeyError as error:
        report(delivery(Outcome.FAILED, error), "full")
    assert caplog.messages == [f"{KEPT}: its handler failed: KeyError (test_report.py:18)"]


def test_each_frame_is_told_in_lines_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    def outer() -> None:
        raise raised(KeyError("x"))

    try:
        outer()
    except KeyError as error:
        report(delivery(Outcome.FAILED, error), "frames")
    [record] = caplog.records
    places = [line for line in record.getMessage().splitlines() if 'File "' in line]
    assert all(line.startswith('  File "') for line in places)
    assert [line.rpartition(", in ")[2] for line in places][1:] == ["outer", "raised"]


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("x" * LONGEST_REASON, "x" * LONGEST_REASON),
        ("x" * (LONGEST_REASON + 1), "x" * LONGEST_REASON + "…"),
        ("a\x1bb \n\t c", "a?b c"),
    ],
)
def test_a_reason_is_one_line_of_printable_characters_and_cut_where_it_is_long(
    reason: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    report(delivery(Outcome.REJECTED, RejectMessage(reason)), "full")
    assert caplog.messages == [f"message m-1 on route orders is deleted: rejected by its handler: {shown}"]


def of(number: int, outcome: Outcome, error: BaseException | None = None) -> Delivery:
    return Delivery("clicks", Message(f"m-{number}", "x", "r"), outcome, error)


def test_one_error_is_told_once_with_how_many_others_it_keeps() -> None:
    one, other, no = ValueError(), ValueError(), RejectMessage("no")
    told = companies(
        [
            of(1, Outcome.FAILED, one),
            of(2, Outcome.SUCCEEDED),
            of(3, Outcome.FAILED, one),
            of(4, Outcome.FAILED, other),
            of(5, Outcome.REJECTED, no),
            of(6, Outcome.REJECTED, no),
            of(7, Outcome.FAILED, one),
            of(8, Outcome.UNTRANSLATED, one),
        ]
    )
    assert told == [
        Company(2),
        ALONE,
        Company(first="m-1"),
        Company(0),
        ALONE,
        ALONE,
        Company(first="m-1"),
        ALONE,
    ]


def test_what_a_stop_cancels_is_told_once_though_each_has_an_error_of_its_own() -> None:
    cancelled = [of(number, Outcome.FAILED, asyncio.CancelledError()) for number in (1, 2)]
    ignored = [of(number, Outcome.IGNORED, IgnoreMessage()) for number in (3, 4)]
    assert companies([*cancelled, *ignored]) == [Company(1), Company(first="m-1"), Company(0), Company(0)]


def test_a_company_is_said_in_words() -> None:
    assert [str(Company(others)) for others in (0, 1, 2)] == [
        "",
        ", with 1 other of its batch",
        ", with 2 others of its batch",
    ]
