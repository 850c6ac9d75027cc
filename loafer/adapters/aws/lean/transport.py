"""SQS's frequent operations over the lean transport: signed, sent, decoded, with the SDK's own errors."""

import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from ssl import SSLError
from typing import Any

import attrs
import orjson
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError, create_parser

from loafer.adapters.aws.lean.http import Answer, Http, Lost
from loafer.adapters.aws.lean.signature import Credentials, Signer

OPERATIONS = {
    "receive_message": "ReceiveMessage",
    "delete_message_batch": "DeleteMessageBatch",
    "change_message_visibility_batch": "ChangeMessageVisibilityBatch",
    "send_message_batch": "SendMessageBatch",
}
"""The operations that go over the lean transport, by the names of the SDK's methods."""

LARGEST_SKEW = 240
"""Seconds by which a clock may differ from the server's; signatures that are off by 300 are refused."""

_ERROR = 300
_SKEWED = {
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}


@attrs.define(eq=False)
class LeanTransport:
    """Calls SQS at one endpoint.

    Attributes:
        endpoint: Its URL, for error messages.
        signer: Signs requests.
        http: Sends them.
        credentials: Returns what to sign with, refreshed where that is due.

    """

    endpoint: str
    signer: Signer
    http: Http
    credentials: Callable[[], Awaitable[Credentials]]
    _skew: float = attrs.field(default=0.0, init=False)

    async def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one of OPERATIONS, given and answered in the SDK's terms.

        Raises:
            ClientError: SQS refused.
            HTTPClientError, ResponseParserError, TimeoutError: there was no answer, or none that can be read.
            ParamValidationError: the parameters are not what can be sent.

        """
        body, skew = _body_of(parameters), self._skew
        answer = await self._post(operation, body, skew)
        refusal = _refusal(operation, answer)
        if refusal is not None and self._corrects_skew(refusal, _date_of(answer), skew):
            answer = await self._post(operation, body, self._skew)
            refusal = _refusal(operation, answer)
        if refusal is not None:
            raise refusal
        return _decode(answer.body)

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()

    async def _post(self, operation: str, body: bytes, skew: float) -> Answer:
        now = time.time() + skew
        head = self.signer.head("AmazonSQS." + OPERATIONS[operation], body, await self.credentials(), now)
        try:
            return await self.http.post(head + body)
        except TimeoutError:
            raise
        except Lost as error:
            raise sdk.ConnectionClosedError(endpoint_url=self.endpoint, error=error) from error
        except SSLError as error:
            raise sdk.SSLError(endpoint_url=self.endpoint, error=error) from error
        except (OSError, RuntimeError) as error:  # uvloop has been seen to raise the latter for a failed connection
            raise sdk.EndpointConnectionError(endpoint_url=self.endpoint, error=error) from error

    def _corrects_skew(self, refusal: sdk.ClientError, date: float | None, used: float) -> bool:
        """Set our clock by the server's where a request was refused for its date; tell whether that changed it.

        `date` is the server's; `used` is by how much ours was corrected for that request: others may have been refused
        at the same time.
        """
        if date is None or refusal.response.get("Error", {}).get("Code") not in _SKEWED:
            return False
        skew = date - time.time()
        changed = abs(skew - used) >= LARGEST_SKEW
        if changed:
            self._skew = skew
        return changed


def _date_of(answer: Answer) -> float | None:
    try:
        date = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError, OverflowError):
        return None
    return date.replace(tzinfo=date.tzinfo or UTC).timestamp()


def _refusal(operation: str, answer: Answer) -> sdk.ClientError | None:
    """Return the error that an answer is; None where it is none."""
    if answer.status < _ERROR:
        return None
    # The SDK's own parser: what it makes of an error is what the rest of loafer knows.
    parser: Any = create_parser("json")
    wire = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    try:
        return sdk.ClientError(parser.parse(wire, None), OPERATIONS[operation])
    except (ValueError, TypeError, AttributeError) as error:
        raise ResponseParserError(f"the answer, of status {answer.status}, cannot be read: {error}") from error


def _body_of(parameters: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(parameters, default=_encode)
    except TypeError as error:  # a lone surrogate is one, too
        raise sdk.ParamValidationError(report=str(error)) from error


def _encode(value: object) -> str:
    """Encode what JSON has no type for."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no place in a request")


def _decode(body: bytes) -> dict[str, Any]:
    try:
        decoded = _json_of(body) if body else {}
        for message in decoded.get("Messages") or ():
            for attribute in (message.get("MessageAttributes") or {}).values():
                if attribute.get("BinaryValue") is not None:
                    attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
    except (ValueError, TypeError, AttributeError) as error:
        raise ResponseParserError(f"the answer cannot be read: {error}") from error
    return decoded


def _json_of(body: bytes) -> dict[str, Any]:
    try:
        decoded: dict[str, Any] = orjson.loads(body)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates, which one message must not make of all that came with it.
        decoded = json.loads(body)
    return decoded
