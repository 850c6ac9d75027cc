"""SQS's frequent operations over the lean transport: signed, sent, decoded, with the SDK's own errors."""

import base64
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from ssl import SSLError
from typing import Any

import attrs
import orjson
from botocore import exceptions as sdk

from loafer.adapters.aws.bounds import LARGEST_ANSWER, Excess, asked_for
from loafer.adapters.aws.decoding import decoded
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.lean.connection import Answer, Lost
from loafer.adapters.aws.lean.http import Http
from loafer.adapters.aws.lean.refusals import refusal_in
from loafer.adapters.aws.lean.signature import Credentials, Signer
from loafer.adapters.aws.server_clock import ServerClock, seconds_of

logger = logging.getLogger(__name__)

OPERATIONS = {
    "receive_message": "ReceiveMessage",
    "delete_message_batch": "DeleteMessageBatch",
    "change_message_visibility_batch": "ChangeMessageVisibilityBatch",
    "send_message_batch": "SendMessageBatch",
    "send_message": "SendMessage",
    "get_queue_url": "GetQueueUrl",
    "get_queue_attributes": "GetQueueAttributes",
}
"""The operations that go over the lean transport, by the names of the SDK's methods."""

LARGEST_SKEW = 240
"""Seconds by which a clock may differ from the server's; signatures that are off by 300 are refused."""

LARGEST_BELIEVED_SKEW = 24 * 3600
"""Seconds by which it may differ at most: a server that says more is not believed."""

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
        server: What is known of the server's clock.

    """

    endpoint: str
    signer: Signer
    http: Http
    credentials: Callable[[], Awaitable[Credentials]]
    server: ServerClock = attrs.field(factory=ServerClock)
    _skew: float = attrs.field(default=0.0, init=False)
    _disbelieved: bool = attrs.field(default=False, init=False)

    async def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one of OPERATIONS, given in the SDK's terms; the answer's binary values are base64.

        Raises:
            ClientError: SQS refused.
            HTTPClientError, ResponseParserError, TimeoutError: there was no answer, or none that can be read.
            ParamValidationError: the parameters are not what can be sent.

        """
        name, body = OPERATIONS[operation], _body_of(parameters)
        entries, room = asked_for(parameters)
        room = room if operation == "receive_message" else LARGEST_ANSWER
        for first in (True, False):  # what is refused for its date is sent once more, with a better one
            skew = self._skew
            head = self.signer.head("AmazonSQS." + name, body, await self.credentials(), time.time() + skew)
            asked = self.server.clock()
            try:
                answer = await self.http.post(head + body, room)
            except TimeoutError:
                raise
            except (Excess, OSError, RuntimeError) as error:  # uvloop has been seen to raise the last of them
                raise self._in_the_sdks_words(error) from error
            refusal = refusal_in(answer, name)
            if refusal is None:
                break
            self.server.note(_dated(answer), asked)
            if not first or not self._corrects_skew(refusal, _date_of(answer), skew):
                raise refusal
        try:
            found = await decoded(answer.body, entries, room)
        except Excess as error:
            self.http.close_idle()  # its connection among them
            raise UnreadableAnswer(str(error)) from error
        self.server.suspect(_dated(answer), asked, found)
        return found

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()

    def _in_the_sdks_words(self, error: Exception) -> Exception:
        """Return what the SDK raises where no answer comes."""
        if isinstance(error, Excess):
            return UnreadableAnswer(str(error))
        kind = sdk.EndpointConnectionError
        if isinstance(error, Lost):
            kind = sdk.ConnectionClosedError
        elif isinstance(error, SSLError):
            kind = sdk.SSLError
        told: Exception = kind(endpoint_url=self.endpoint, error=error)
        return told

    def _corrects_skew(self, refusal: sdk.ClientError, date: float | None, used: float) -> bool:
        """Set our clock by the server's where a request was refused for its date; tell whether that changed it.

        `date` is the server's; `used` is by how much ours was corrected for that request: others may have been refused
        at the same time.
        """
        if date is None or refusal.response.get("Error", {}).get("Code") not in _SKEWED:
            return False
        skew = date - time.time()
        if abs(skew) > LARGEST_BELIEVED_SKEW:
            self._disbelieve(skew)
            return False
        changed = abs(skew - used) >= LARGEST_SKEW
        if changed:
            self._skew = skew
        return changed

    def _disbelieve(self, skew: float) -> None:
        if not self._disbelieved:
            self._disbelieved = True
            text = "%s says that this clock is wrong by %.0f hours, which is not believed: if it is, set it"
            logger.warning(text, self.endpoint, skew / 3600)


def _dated(answer: Answer) -> float | None:
    """Return the date of an answer, as those are written that come with every one."""
    for name, value in answer.raw_headers:
        if name == b"Date" or name.lower() == b"date":
            return seconds_of(value)
    return None


def _date_of(answer: Answer) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - only a refusal needs it

    try:
        date = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError, OverflowError):
        return None
    return date.replace(tzinfo=date.tzinfo or UTC).timestamp()


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
