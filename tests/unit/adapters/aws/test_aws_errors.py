"""What the SDK raises is told apart: passing, denied, fatal."""

import aiohttp
import pytest
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from loafer.adapters.aws.batches import failure_of
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.errors import Unanswered, consumer_error, publisher_error
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable, PublisherError

PLACE = "queue 'orders'"


def answer(code: str, status: int = 400, message: str = "no") -> sdk.ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return sdk.ClientError(response, "ReceiveMessage")  # type: ignore[arg-type, unused-ignore]


FATAL = [
    answer("AWS.SimpleQueueService.NonExistentQueue"),
    answer("QueueDoesNotExist"),
    answer("InvalidAddress", 404),
    answer("SomethingNew", 400),
    sdk.NoCredentialsError(),
    sdk.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    sdk.NoRegionError(),
    sdk.ParamValidationError(report="Unknown parameter"),
    sdk.ProfileNotFound(profile="none"),
    ValueError("Invalid endpoint: nowhere"),
]
DENIED = [
    answer(code, 403)
    for code in (
        "AccessDenied",
        "AccessDeniedException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "MissingAuthenticationToken",
        "InvalidAccessKeyId",
        "KMS.AccessDeniedException",
        "KMS.DisabledException",
        "KMS.InvalidKeyUsageException",
        "KMS.InvalidStateException",
        "KMS.NotFoundException",
        "KMS.OptInRequired",
        "KmsAccessDenied",
        "KmsDisabled",
        "AuthorizationError",
    )
]
PASSING = [
    answer("RequestThrottled"),
    answer("ThrottlingException"),
    answer("KmsThrottled"),
    answer("KMS.ThrottlingException"),
    answer("OverLimit", 403),
    answer("ExpiredToken", 403),
    answer("ExpiredTokenException", 403),
    answer("RequestExpired"),
    answer("TooMany", 429),
    answer("", 403),
    answer("403", 403, "<html>Forbidden</html>"),
    answer("400", 400),
    answer("404", 404),
    answer("no code at all", 400),
    sdk.ClientError({"ResponseMetadata": {"HTTPStatusCode": 403}}, "DeleteMessageBatch"),
    ResponseParserError("not JSON"),
    UnreadableAnswer("too large"),
]
UNANSWERED = [
    answer("SomethingNew", 503),
    answer("", 500),
    sdk.EndpointConnectionError(endpoint_url="http://nowhere"),
    sdk.ConnectTimeoutError(endpoint_url="http://nowhere"),
    sdk.ReadTimeoutError(endpoint_url="http://nowhere"),
    sdk.ConnectionClosedError(endpoint_url="http://nowhere"),
    sdk.HTTPClientError(error="?"),
    sdk.CredentialRetrievalError(provider="role", error_msg="later"),
    sdk.MetadataRetrievalError(error_msg="later"),
    aiohttp.ClientPayloadError("cut off"),
    ConnectionResetError("reset"),
    TimeoutError(),
    RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
]


def named(error: Exception) -> str:
    return f"{type(error).__name__}-{error.response if isinstance(error, sdk.ClientError) else ''}"


@pytest.mark.parametrize("error", FATAL, ids=named)
def test_what_does_not_mend_is_fatal(error: Exception) -> None:
    assert type(consumer_error(error, PLACE)) is ConsumerError


@pytest.mark.parametrize("error", DENIED, ids=named)
def test_a_matter_of_permission_is_access_denied(error: Exception) -> None:
    assert type(consumer_error(error, PLACE)) is AccessDenied


@pytest.mark.parametrize("error", PASSING, ids=named)
def test_what_may_pass_is_unavailable(error: Exception) -> None:
    assert type(consumer_error(error, PLACE)) is ConsumerUnavailable


@pytest.mark.parametrize("error", UNANSWERED, ids=named)
def test_so_is_what_may_be_done_though_no_answer_says_so(error: Exception) -> None:
    assert type(consumer_error(error, PLACE)) is Unanswered


@pytest.mark.parametrize("code", ["", "403", "Forbidden by the proxy"])
def test_an_answer_without_an_error_code_is_told_with_its_status_and_quoted_nowhere(code: str) -> None:
    said = "queue 'orders' answers without an error code of the service (status 403), as a proxy on the way might"
    assert str(consumer_error(answer(code, 403, "<html>secrets</html>"), PLACE)) == said


@pytest.mark.parametrize("error", [*FATAL, *DENIED, *PASSING, *UNANSWERED], ids=named)
def test_the_sentence_is_one_line_that_names_the_place(error: Exception) -> None:
    for made in (consumer_error(error, PLACE), publisher_error(error, PLACE)):
        assert str(made).startswith(PLACE)
        assert "\n" not in str(made)


def test_a_missing_queue_is_named_with_its_region_and_what_to_do() -> None:
    said = str(consumer_error(answer("QueueDoesNotExist"), PLACE, "eu-west-1"))
    assert said == (
        "queue 'orders' does not exist in region eu-west-1 (or belongs to another account): "
        "create it or correct its name"
    )


def test_a_publisher_gets_a_publisher_error() -> None:
    assert isinstance(publisher_error(answer("NotFound", 404), "topic 'news'"), PublisherError)


def test_a_message_that_wants_a_deduplication_id_is_told_so_whether_it_was_sent_alone_or_with_others() -> None:
    said = (
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    )
    alone = publisher_error(answer("InvalidParameterValue", message=said), PLACE)
    assert str(alone).endswith(f"{said}): give it a deduplication id")
    with_others = failure_of({"Code": "InvalidParameterValue", "Message": said})
    assert with_others.reason.endswith(f"{said}: give it a deduplication id")


def test_a_refused_signature_is_told_without_the_signed_headers() -> None:
    error = answer("SignatureDoesNotMatch", 403, "should have been\nx-amz-security-token:TOPSECRET")
    assert "TOPSECRET" not in str(consumer_error(error, PLACE))


def test_a_password_in_an_endpoint_is_not_told() -> None:
    error = sdk.EndpointConnectionError(endpoint_url="http://me:TOPSECRET@nowhere/")
    assert "TOPSECRET" not in str(consumer_error(error, PLACE))
