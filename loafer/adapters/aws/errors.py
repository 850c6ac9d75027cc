"""What the SDK raises, turned into loafer's errors: the one place that knows the error codes."""

import logging
from collections.abc import Iterable
from enum import Enum, auto

import attrs
from botocore import exceptions as sdk

from loafer.adapters.aws.details import (
    UnreadableAnswer,
    code_in,
    errors_of_transports,
    is_unreadable,
    kind_and_detail,
    said_by_service,
    trail_of,
)
from loafer.adapters.aws.safety import UnusableCredentials
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable, PublisherError

logger = logging.getLogger(__name__)


class Mistake(Exception):
    """What only a person can mend, told in a sentence that names the file and the setting."""


class Unanswered(ConsumerUnavailable):
    """There was no answer, or one that says no more than that something failed: what was asked for may be done."""


class Unmended(ConsumerUnavailable):
    """A mistake that keeps a consumer from its source: trouble while it runs, and its end at the start."""


_ERRORS = (
    Mistake,
    UnreadableAnswer,
    sdk.BotoCoreError,
    sdk.ClientError,
    OSError,
    TimeoutError,
    ValueError,  # botocore's way to refuse an endpoint URL
    RuntimeError,  # its way to say that credentials which it has just refreshed are expired
)


def sdk_errors() -> tuple[type[Exception], ...]:
    """Return everything that a call raises, whichever transport carries it; to be asked where an error is caught."""
    return _ERRORS + errors_of_transports()


class Kind(Enum):
    """What an error means for who called."""

    PASSING = auto()
    MISTAKE = auto()
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
    "KMS.DisabledException",  # a code that begins so is as the one of the same name below
    "KMS.InvalidKeyUsageException",
    "KMS.InvalidStateException",
    "KMS.NotFoundException",
    "KMS.OptInRequired",
    "KMSAccessDenied",
    "KMSAccessDeniedException",
    "KmsAccessDenied",
    "KmsDisabled",  # this and the next ones: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
    "KmsInvalidKeyUsage",
    "KmsInvalidState",
    "KmsNotFound",
    "KmsOptInRequired",
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
    "KmsThrottled",
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
    UnreadableAnswer,
    OSError,
    TimeoutError,
    RuntimeError,
)
_REDIRECTS = range(300, 400)


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
        case Mistake() | UnusableCredentials():
            return Diagnosis(Kind.MISTAKE if isinstance(error, Mistake) else Kind.FATAL, f"{place}: {error}")
        case sdk.NoRegionError():
            return Diagnosis(Kind.FATAL, f"{place}: no AWS region: set AWS_DEFAULT_REGION")
        case _ if isinstance(error, _PASSING_TYPES + errors_of_transports()):
            return Diagnosis(Kind.PASSING, f"{place} cannot be reached for now ({kind_and_detail(error)})")
        case _:
            return Diagnosis(Kind.FATAL, f"{place} cannot be used ({kind_and_detail(error)})")


def may_be_done(error: Exception) -> bool:
    """Tell whether what was asked for may be done though it failed: no answer came, or the service had trouble."""
    if not isinstance(error, sdk.ClientError):
        return True
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= _SERVER_TROUBLE


def is_passing(code: str) -> bool:
    """Return whether an error code speaks of trouble that passes."""
    return code in _PASSING or "Throttl" in code


def advice_on(said: str) -> str:
    """Return what ends a sentence about a refused message, by what the service said; nothing where that is no help."""
    return ": give it a deduplication id" if "ContentBasedDeduplication" in said else ""


def consumer_error(
    error: Exception, place: str, region: str | None = None, sent: Iterable[str] = ()
) -> AccessDenied | ConsumerError | ConsumerUnavailable:
    """Return the error to raise from a consumer for an error of the SDK.

    It is to be raised where the SDK's is no part of it: not `from` that, and not in its `except`.
    """
    logger.debug("%s: %s", place, trail_of(error))
    found = diagnose(error, place, region, sent)
    unanswered = may_be_done(error) and not is_unreadable(error)
    kinds: dict[Kind, type[AccessDenied | ConsumerError | ConsumerUnavailable]] = {
        Kind.PASSING: Unanswered if unanswered else ConsumerUnavailable,
        Kind.MISTAKE: Unmended,
        Kind.DENIED: AccessDenied,
        Kind.FATAL: ConsumerError,
    }
    return kinds[found.kind](found.sentence)


def publisher_error(
    error: Exception, place: str, region: str | None = None, sent: Iterable[str] = ()
) -> PublisherError:
    """Return the error to raise from a publisher for an error of the SDK, as that of a consumer."""
    logger.debug("%s: %s", place, trail_of(error))
    found = diagnose(error, place, region, sent)
    return PublisherError(found.sentence, retryable=found.kind is Kind.PASSING)


def _diagnose_answer(error: sdk.ClientError, place: str, region: str | None, sent: Iterable[str]) -> Diagnosis:
    answer = error.response
    code = code_in(answer)
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _MISSING:
        where = f" in region {region}" if region else ""
        advice = "create it or correct its name"
        return Diagnosis(Kind.FATAL, f"{place} does not exist{where} (or belongs to another account): {advice}")
    if status in _REDIRECTS:
        return Diagnosis(Kind.PASSING, f"{place} answers with a redirect (status {status}), which is not followed")
    if is_passing(code) or status >= _SERVER_TROUBLE or status in _PASSING_STATUS:
        return Diagnosis(Kind.PASSING, f"{place} does not answer for now ({said_by_service(error, code, sent)})")
    if not code:
        where = f"without an error code of the service (status {status}), as a proxy on the way might"
        return Diagnosis(Kind.PASSING, f"{place} answers {where}")
    if code in _DENIED or code.startswith("AccessDenied"):
        advice = "correct the credentials or the policy"
        return Diagnosis(Kind.DENIED, f"{place}: access denied ({said_by_service(error, code, sent)}): {advice}")
    said = said_by_service(error, code, sent)
    return Diagnosis(Kind.FATAL, f"{place}: the request was refused ({said}){advice_on(said)}")
