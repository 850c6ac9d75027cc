"""What the SDK raises, turned into loafer's errors: the one place that knows the error codes."""

import re
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

import aiohttp
import attrs
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from loafer.adapters.aws.telling import told, told_code, told_of_ours
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable, PublisherError


class UnreadableAnswer(Exception):
    """An answer that cannot be read, or is not read on; the text says why, and quotes nothing of it."""


SDK_ERRORS = (
    UnreadableAnswer,
    sdk.BotoCoreError,
    sdk.ClientError,
    ResponseParserError,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    ValueError,  # botocore's way to refuse an endpoint URL
    RuntimeError,  # its way to say that credentials which it has just refreshed are expired
)
"""Everything that a call raises, whichever transport carries it."""


class Kind(Enum):
    """What an error means for who called."""

    PASSING = auto()
    DENIED = auto()
    FATAL = auto()


@attrs.frozen
class Diagnosis:
    """An error's kind, and one sentence that names the place and the cause, without a secret in it."""

    kind: Kind
    sentence: str


_MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NotFound", "NotFoundException"}
_DENIED = {
    "AuthorizationError",
    "AuthorizationErrorException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidSignatureException",
    "KMS.AccessDeniedException",
    "KMSAccessDenied",
    "KMSAccessDeniedException",
    "KmsAccessDenied",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
}
_PASSING = {
    "AWS.SimpleQueueService.OverLimit",
    "BandwidthLimitExceeded",
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalError",
    "InternalFailure",
    "LimitExceededException",
    "OverLimit",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestExpired",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "TokenRefreshRequired",
    "TooManyRequestsException",
    "TransactionInProgressException",
}
_PASSING_STATUS = {408, 429}
_SERVER_TROUBLE = 500

# Credentials that cannot be fetched now (an instance's, a role's) may be later; that there are none does not pass.
_PASSING_TYPES = (
    sdk.HTTPClientError,
    sdk.ConnectionError,
    sdk.CredentialRetrievalError,
    sdk.MetadataRetrievalError,
    sdk.TokenRetrievalError,
    sdk.SSOError,
    sdk.IncompleteReadError,
    ResponseParserError,
    UnreadableAnswer,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    RuntimeError,
)
_SIGNATURE = {"InvalidSignatureException", "SignatureDoesNotMatch"}
"""Codes whose message repeats the signed headers, the session token among them: it is of no use to anyone else."""
_REDIRECTS = range(300, 400)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*")
"""What a service's error code looks like; the SDK puts the status where an answer has none."""
_PARAMETER = re.compile(r"parameter (?:in input: \")?([A-Za-z0-9.\[\]]{1,100})")


def diagnose(error: Exception, place: str, region: str | None = None, sent: Iterable[str] = ()) -> Diagnosis:
    """Return what an error of the SDK means; `place` names the queue or topic, as in "queue 'orders'".

    `sent` are the texts that the call sent, bodies and attributes: the sentence quotes none of them.
    """
    match error:
        case sdk.ClientError():
            return _diagnose_answer(error, place, region, sent)
        case sdk.NoCredentialsError() | sdk.PartialCredentialsError():
            advice = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            return Diagnosis(Kind.FATAL, f"{place}: no complete AWS credentials found: {advice}")
        case sdk.NoRegionError():
            return Diagnosis(Kind.FATAL, f"{place}: no AWS region: set AWS_DEFAULT_REGION")
        case _ if isinstance(error, _PASSING_TYPES):
            return Diagnosis(Kind.PASSING, f"{place} cannot be reached for now ({_detail(error)})")
        case _:
            return Diagnosis(Kind.FATAL, f"{place} cannot be used ({_detail(error)})")


def is_passing(code: str) -> bool:
    """Return whether an error code speaks of trouble that passes."""
    return code in _PASSING or "Throttl" in code


def consumer_error(
    error: Exception, place: str, region: str | None = None, sent: Iterable[str] = ()
) -> AccessDenied | ConsumerError | ConsumerUnavailable:
    """Return the error to raise from a consumer for an error of the SDK."""
    found = diagnose(error, place, region, sent)
    kinds: dict[Kind, type[AccessDenied | ConsumerError | ConsumerUnavailable]] = {
        Kind.PASSING: ConsumerUnavailable,
        Kind.DENIED: AccessDenied,
        Kind.FATAL: ConsumerError,
    }
    return kinds[found.kind](found.sentence)


def publisher_error(
    error: Exception, place: str, region: str | None = None, sent: Iterable[str] = ()
) -> PublisherError:
    """Return the error to raise from a publisher for an error of the SDK."""
    return PublisherError(diagnose(error, place, region, sent).sentence)


def _diagnose_answer(error: sdk.ClientError, place: str, region: str | None, sent: Iterable[str]) -> Diagnosis:
    answer = error.response
    code = _code_in(answer)
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _MISSING:
        where = f" in region {region}" if region else ""
        advice = "create it or correct its name"
        return Diagnosis(Kind.FATAL, f"{place} does not exist{where} (or belongs to another account): {advice}")
    if status in _REDIRECTS:
        return Diagnosis(Kind.PASSING, f"{place} answers with a redirect (status {status}), which is not followed")
    if is_passing(code) or status >= _SERVER_TROUBLE or status in _PASSING_STATUS:
        return Diagnosis(Kind.PASSING, f"{place} does not answer for now ({_said(error, code, sent)})")
    if not code:
        where = f"without an error code of the service (status {status}), as a proxy on the way might"
        return Diagnosis(Kind.PASSING, f"{place} answers {where}")
    if code in _DENIED or code.startswith("AccessDenied"):
        advice = "correct the credentials or the policy"
        return Diagnosis(Kind.DENIED, f"{place}: access denied ({_said(error, code, sent)}): {advice}")
    return Diagnosis(Kind.FATAL, f"{place}: the request was refused ({_said(error, code, sent)})")


def _code_in(answer: Any) -> str:
    """Return the service's error code in an answer; "" where nobody but the SDK made one up."""
    said = answer.get("Error")
    code = said.get("Code") if isinstance(said, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _said(error: sdk.ClientError, code: str, sent: Iterable[str]) -> str:
    code = told_code(code) or "no error code"
    if code in _SIGNATURE:
        return code
    message = told(str(error.response.get("Error", {}).get("Message", "")), sent)
    return f"{code}: {message}" if message else code


def _detail(error: Exception) -> str:
    return f"{type(error).__name__}: {text}" if (text := _text_of(error)) else type(error).__name__


def _text_of(error: Exception) -> str:
    match error:
        case UnreadableAnswer():
            return str(error)
        case ResponseParserError():
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
