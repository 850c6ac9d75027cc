"""Tracebacks have our own words in place of the SDK's, which may repeat what was signed; whatever handlers raise."""

import json
import logging
import traceback
from collections.abc import Callable

import aiohttp
import pytest
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from loafer.entrypoints.worker.json_lines import JsonLines
from loafer.entrypoints.worker.text_lines import TextLines
from loafer.entrypoints.worker.traces import text_of, trace_of

TOKEN = "FwoGZXIvYXdzEBYaDHqa0AP+1/abcDEF==TOPSECRET"
SIGNED = f"The Canonical String should have been\n'POST\n/\n\nx-amz-security-token:{TOKEN}\nhost:sqs"


def refusal(code: str = "SignatureDoesNotMatch", message: str = SIGNED) -> sdk.ClientError:
    return sdk.ClientError({"Error": {"Code": code, "Message": message}}, "ReceiveMessage")


def raised(error: BaseException) -> BaseException:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def from_it() -> BaseException:
    try:
        raise refusal()
    except sdk.ClientError as error:
        return raised(RuntimeError(f"the handler failed: {error}").with_traceback(error.__traceback__))


def instead_of_it() -> BaseException:
    try:
        try:
            raise refusal()
        except sdk.ClientError:
            raise KeyError("size") from None
    except KeyError as error:
        error.__suppress_context__ = False
        return error


ERRORS: dict[str, Callable[[], BaseException]] = {
    "itself": refusal,
    "another code": lambda: refusal("SomethingNew", f"token {TOKEN}"),
    "an answer": lambda: ResponseParserError(f"invalid XML received:\n{SIGNED}"),
    "its connection": lambda: sdk.HTTPClientError(error=ValueError(f"x-amz-security-token: {TOKEN}")),
    "aiohttp's": lambda: aiohttp.ClientPayloadError(SIGNED),
    "what came from it": from_it,
    "what came instead of it": instead_of_it,
    "a group": lambda: ExceptionGroup("several", [refusal(), ValueError("other"), ExceptionGroup("more", [refusal()])]),
}


def record_of(error: BaseException) -> logging.LogRecord:
    return logging.LogRecord("x", logging.ERROR, "", 0, "it failed", (), (type(error), error, error.__traceback__))


@pytest.mark.parametrize("kind", ERRORS)
def test_no_text_of_an_error_has_what_was_signed(kind: str) -> None:
    error = raised(ERRORS[kind]())
    assert "TOPSECRET" in "".join(traceback.format_exception(error))
    for text in (
        trace_of(error),
        text_of(error),
        TextLines().format(record_of(error)),
        JsonLines().format(record_of(error)),
    ):
        assert "TOPSECRET" not in text
        assert type(error).__name__ in text or text == text_of(error)


def test_what_is_no_secret_stays() -> None:
    error = raised(refusal("AccessDenied", "not authorized to perform: sqs:ReceiveMessage"))
    assert "AccessDenied: not authorized to perform: sqs:ReceiveMessage" in trace_of(error)
    assert "test_traces.py" in trace_of(error)
    assert text_of(error) == "AccessDenied: not authorized to perform: sqs:ReceiveMessage"
    assert json.loads(JsonLines().format(record_of(error)))["error.message"] == text_of(error)


def test_other_errors_are_told_as_they_are() -> None:
    error = raised(ValueError("two\nlines"))
    assert trace_of(error) == "".join(traceback.format_exception(error))
    assert text_of(error) == "two lines"


FORGED = "2026-11-25 00:00:00,000 - loafer - ERROR - all is lost"


class Dumb(Exception):
    def __str__(self) -> str:
        raise ValueError(f"\n{FORGED}")


FORGERS: dict[str, Callable[[], BaseException]] = {
    "itself": lambda: ValueError(f"no number: 1\n{FORGED}\x1b[2J\r\x9b\u202e\u2028{FORGED}"),
    "its cause": lambda: caused_by(RuntimeError(f"\n{FORGED}\n\x1b[2J")),
    "a group": lambda: ExceptionGroup(f"several\n{FORGED}", [KeyError("x"), ValueError(f"\x1b[2J\n{FORGED}\n")]),
    "without a text": Dumb,
}


def caused_by(cause: Exception) -> BaseException:
    error = ValueError("no more than this")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("kind", FORGERS)
def test_no_text_of_an_error_forges_a_line_of_the_log_or_is_obeyed_by_a_terminal(kind: str) -> None:
    error = raised(FORGERS[kind]())
    lines = TextLines().format(record_of(error)).split("\n")
    assert lines[0] == "it failed"
    assert not [line for line in lines if line.startswith(FORGED)]
    assert all(line.isprintable() for line in lines)


def test_errors_that_come_from_one_another_in_a_circle_are_told() -> None:
    first, second = ValueError("first"), refusal()
    first.__context__, second.__context__ = second, first
    assert "TOPSECRET" not in trace_of(first)
