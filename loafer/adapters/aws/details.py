"""What may be told of an error of the SDK or of a service: its kind, and what it says as far as that is harmless."""

import re
import sys
from collections.abc import Iterable
from traceback import walk_tb
from typing import Any

from botocore import exceptions as sdk

from loafer.adapters.aws.telling import told, told_code, told_of_ours

_SIGNATURE = {"InvalidSignatureException", "SignatureDoesNotMatch"}
"""Codes whose message repeats the signed headers, the session token among them: it is of no use to anyone else."""
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*")
"""What a service's error code looks like; the SDK puts the status where an answer has none."""
_LONGEST_TRAIL = 10
_PARAMETER = re.compile(r"parameter (?:in input: \")?([A-Za-z0-9.\[\]]{1,100})")


_PARSER = ("botocore.parsers", "ResponseParserError")
_TRANSPORTS = (_PARSER, ("aiohttp", "ClientError"))
"""Errors in modules that take long to import: before they are, nobody can have raised one."""


class UnreadableAnswer(Exception):
    """An answer that cannot be read, or is not read on; the text says why, and quotes nothing of it."""


def errors_of_transports() -> tuple[type[Exception], ...]:
    """Return the kinds of errors that the SDK's way over HTTP may raise beside its own; none before it is imported."""
    kinds = (getattr(sys.modules.get(module), name, None) for module, name in _TRANSPORTS)
    return tuple(kind for kind in kinds if kind is not None)


def is_unreadable(error: BaseException) -> bool:
    """Tell whether an answer came that could not be read."""
    return isinstance(error, UnreadableAnswer) or (type(error).__module__, type(error).__name__) == _PARSER


def said_by(error: BaseException) -> str | None:
    """Return what may be told of an error of the SDK; None if it is none of its."""
    if isinstance(error, sdk.ClientError):
        return said_by_service(error, code_in(error.response), ())
    if isinstance(error, Exception) and isinstance(error, (sdk.BotoCoreError, *errors_of_transports())):
        return detail_of(error)
    return None


def detail_of(error: Exception) -> str:
    """Return what may be told of an error that was raised on the way to an answer."""
    return _text_of(error) or type(error).__name__


def code_in(answer: Any) -> str:
    """Return the service's error code in an answer; "" where nobody but the SDK made one up."""
    said = answer.get("Error")
    code = said.get("Code") if isinstance(said, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def trail_of(error: BaseException) -> str:
    """Return where an error comes from, for those who look for its cause: kinds and places, and nobody's words."""
    steps: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(steps) < _LONGEST_TRAIL:
        frames = list(walk_tb(cause.__traceback__))
        where = f" ({frames[-1][0].f_code.co_filename.rpartition('/')[2]}:{frames[-1][1]})" if frames else ""
        steps.append(f"{type(cause).__name__}{where}")
        cause = cause.__cause__ or cause.__context__
    return " < ".join(steps)


def said_by_service(error: sdk.ClientError, code: str, sent: Iterable[str]) -> str:
    """Return what may be told of a refusal with an error code, to a call that sent these texts."""
    code = told_code(code) or "no error code"
    if code in _SIGNATURE:
        return code
    message = told(str(error.response.get("Error", {}).get("Message", "")), sent)
    return f"{code}: {message}" if message else code


def kind_and_detail(error: Exception) -> str:
    """Return the name of an error's class, and what may be told of it."""
    return f"{type(error).__name__}: {text}" if (text := _text_of(error)) else type(error).__name__


def _text_of(error: Exception) -> str:
    match error:
        case UnreadableAnswer():
            return str(error)
        case _ if is_unreadable(error):
            return "the answer cannot be read"  # its text repeats the whole answer
        case sdk.ParamValidationError():
            return _parameters_in(str(error))
        case TimeoutError():
            return told_of_ours(str(error)) or "no answer in time"
        case OSError() | sdk.ProfileNotFound() | sdk.ConfigNotFound() | sdk.ConfigParseError():
            return told_of_ours(str(error))
        case _:
            return told(str(error))


def _parameters_in(report: str) -> str:
    """Return which parameters the SDK refuses; it also shows their values, bodies among them."""
    names = dict.fromkeys(_PARAMETER.findall(report))
    return f"the SDK does not take {', '.join(names)}" if names else told(report.partition("value:")[0])
