"""Translators of what SQS and SNS deliver: strict JSON, SNS envelopes, plain text."""

import json
from typing import Any, NoReturn

from loafer.domain.lifecycle import InvalidTranslation

_ENVELOPE_TYPES = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")


class SQSMessageTranslator:
    """The content is the body's JSON."""

    def translate(self, message: str) -> dict[str, Any]:
        """Return the content of a JSON body; InvalidTranslation if it is not JSON."""
        return {"content": _decode(message, "the body")}


class SNSMessageTranslator:
    """The content is the JSON in the envelope's `Message`, or the body's own JSON where delivery is raw."""

    def translate(self, message: str) -> dict[str, Any]:
        """Return a notification's content; InvalidTranslation if it is not JSON, or an envelope without a message."""
        body = _decode(message, "the body")
        if not _is_envelope(body):
            return {"content": body}
        if body.get("Type") == "SubscriptionConfirmation":
            raise InvalidTranslation(
                "the body is an SNS SubscriptionConfirmation, not a message: confirm it at its SubscribeURL"
            )
        match body.get("Message"):
            case str(inner):
                return {"content": _decode(inner, "the SNS envelope's 'Message'")}
            case _:
                raise InvalidTranslation("the SNS envelope has no 'Message' that is a string")


class StringMessageTranslator:
    """The content is the body as it is."""

    def translate(self, message: str) -> dict[str, Any]:
        """Return the body as content; InvalidTranslation if it holds lone surrogates."""
        _check_text(message, "the body")
        return {"content": message}


def _is_envelope(body: Any) -> bool:
    if not isinstance(body, dict):
        return False
    return body.get("Type") in _ENVELOPE_TYPES or body.keys() == {"Message"}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


_DECODER: Any = json.JSONDecoder(parse_constant=_refuse_constant)


def _parse(text: str) -> Any:
    """Return the JSON value that a text is, at half the cost of `decode` where nothing stands around it."""
    try:
        content, end = _DECODER.scan_once(text, 0)
    except StopIteration:
        end = -1
    return content if end == len(text) else _DECODER.decode(text)


def _decode(text: str, what: str) -> Any:
    if not text.isascii():
        _check_text(text, what)
    try:
        content = _parse(text)
    except RecursionError as error:
        raise InvalidTranslation(f"{what} is nested too deeply") from error
    except ValueError as error:
        raise InvalidTranslation(f"{what} is not JSON: {error}") from error
    if "\\u" in text and ("\\ud" in text or "\\uD" in text):
        # Only an escape can still hide half a pair, so only then is the whole content looked through.
        _check_text(json.dumps(content, ensure_ascii=False), what)
    return content


def _check_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidTranslation(f"{what} holds a lone surrogate at character {error.start}") from error
