import asyncio
import logging

import pytest

from loafer.application.delivery import Delivery
from loafer.application.options import Tracebacks
from loafer.application.report import report
from loafer.domain.lifecycle import InvalidTranslation, Outcome
from loafer.domain.message import Message
from loafer.exceptions import HandlerTimeout, IgnoreMessage, RejectMessage

MESSAGE = Message("m-1", "secret", "receipt")


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause  # noqa: TRY301 - so that it has a traceback
    except BaseException as caught:  # noqa: BLE001 - whatever it is
        return caught


def reported(
    caplog: pytest.LogCaptureFixture,
    outcome: Outcome,
    error: BaseException | None = None,
    tracebacks: Tracebacks = "full",
    level: int = logging.INFO,
) -> logging.LogRecord:
    with caplog.at_level(level):
        report(Delivery("orders", MESSAGE, outcome, error), tracebacks)
    [record] = caplog.records
    return record


def test_a_failed_handler_is_one_error_with_the_error_itself(caplog: pytest.LogCaptureFixture) -> None:
    error = raised(KeyError("text"))
    record = reported(caplog, Outcome.FAILED, error)
    assert record.levelno == logging.ERROR
    assert record.message == "message m-1 on route orders is kept: its handler failed: KeyError (test_report.py:18)"
    assert record.exc_info == (KeyError, error, error.__traceback__)


def test_a_translator_that_fails_is_one_error_too(caplog: pytest.LogCaptureFixture) -> None:
    record = reported(caplog, Outcome.UNTRANSLATED, raised(ValueError()))
    assert (record.levelno, bool(record.exc_info)) == (logging.ERROR, True)
    assert record.message == "message m-1 on route orders is kept: not translated: ValueError (test_report.py:18)"


def test_content_that_is_none_is_an_error_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    record = reported(caplog, Outcome.UNTRANSLATED, raised(InvalidTranslation("the translator returned content None")))
    assert (record.levelno, record.exc_info) == (logging.ERROR, None)
    assert record.message.endswith("is kept: not translated: the translator returned content None")


def test_the_reason_of_a_translator_is_one_line_too(caplog: pytest.LogCaptureFixture) -> None:
    error = raised(InvalidTranslation("no number: 1\n2026-11-25 - loafer - ERROR - \x1b[2J" + "x" * 1_000_000))
    record = reported(caplog, Outcome.UNTRANSLATED, error)
    assert record.message.isprintable()
    assert len(record.message) < 700


def test_a_handler_that_took_too_long_is_an_error_that_shows_where(caplog: pytest.LogCaptureFixture) -> None:
    record = reported(caplog, Outcome.FAILED, raised(HandlerTimeout("it took longer than 2 s")))
    assert (record.levelno, bool(record.exc_info)) == (logging.ERROR, True)
    assert record.message.endswith("its handler failed: it took longer than 2 s")


def test_frames_are_places_without_the_texts_of_the_errors(caplog: pytest.LogCaptureFixture) -> None:
    error = raised(KeyError("secret"), raised(ValueError("secret")))
    record = reported(caplog, Outcome.FAILED, error, "frames")
    first, *rest = record.message.splitlines()
    assert first == "message m-1 on route orders is kept: its handler failed: KeyError (test_report.py:18)"
    assert [line for line in rest if not line.startswith("  ")] == ["KeyError, raised in:", "ValueError, raised in:"]
    assert any("test_report.py" in line and "in raised" in line for line in rest)
    assert "secret" not in caplog.text
    assert record.exc_info is None


def test_errors_that_lead_to_one_another_in_a_circle_are_shown_once(caplog: pytest.LogCaptureFixture) -> None:
    error, other = KeyError(), ValueError()
    error.__context__, other.__context__ = other, error
    record = reported(caplog, Outcome.FAILED, error, "frames")
    assert record.message.count("raised in:") == 2


def test_off_is_one_line_and_the_traceback_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        report(Delivery("orders", MESSAGE, Outcome.FAILED, raised(KeyError("secret"))), "off")
    line, traceback = caplog.records
    assert (line.levelno, line.exc_info, "\n" in line.message) == (logging.ERROR, None, False)
    assert (traceback.levelno, bool(traceback.exc_info)) == (logging.DEBUG, True)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(3)])
def test_what_is_no_mistake_of_a_handler_is_a_warning_without_a_traceback(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    record = reported(caplog, Outcome.FAILED, error)
    assert (record.levelno, record.exc_info) == (logging.WARNING, None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RejectMessage("no such\n customer\x1b"), "rejected by its handler: no such customer?"),
        (RejectMessage(), "rejected by its handler, without a reason"),
        (RejectMessage("x" * 501), f"rejected by its handler: {'x' * 500}…"),
    ],
    ids=["a reason", "none", "a long one"],
)
def test_a_rejected_message_is_deleted_and_that_is_a_warning_with_the_reason_given(
    error: RejectMessage, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    record = reported(caplog, Outcome.REJECTED, error)
    assert record.levelno == logging.WARNING
    assert record.message == f"message m-1 on route orders is deleted: {said}"


class Odd(IgnoreMessage):
    def __init__(self) -> None: ...

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (IgnoreMessage("busy", delay=30), ": busy; it comes back in 30 s"),
        (IgnoreMessage(), ", without a reason"),
        (Odd(), ", without a reason"),
        (IgnoreMessage("x", delay=10**400), ": x; it comes back in 43200 s"),
        (IgnoreMessage("x", delay=float("inf")), ": x; it comes back in 43200 s"),
        (IgnoreMessage("x", delay=-5), ": x; it comes back in 0 s"),
    ],
    ids=["a reason and a delay", "neither", "of a class that says nothing", "no float", "no end", "in the past"],
)
def test_an_ignored_message_is_told_at_info_with_reason_and_delay(
    error: IgnoreMessage, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    record = reported(caplog, Outcome.IGNORED, error)
    assert record.levelno == logging.INFO
    assert record.message == f"message m-1 on route orders is kept: ignored by its handler{said}"


def test_a_success_is_a_line_at_debug_alone(caplog: pytest.LogCaptureFixture) -> None:
    record = reported(caplog, Outcome.SUCCEEDED, level=logging.DEBUG)
    assert (record.levelno, record.message) == (logging.DEBUG, "message m-1 on route orders: done")
