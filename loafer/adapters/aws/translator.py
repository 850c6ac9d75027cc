"""Translators of what SQS and SNS deliver: strict JSON, SNS envelopes, plain text."""

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import attrs

from loafer.adapters.aws.sns_envelope import is_envelope, notification_of, shown, topics_of
from loafer.adapters.aws.strict_json import lone_surrogate, parse
from loafer.domain.lifecycle import InvalidTranslation
from loafer.domain.message import Message, Notification
from loafer.exceptions import ConfigurationError

logger = logging.getLogger(__name__)


class SQSMessageTranslator:
    """The content is the body's JSON."""

    def translate(self, message: str) -> dict[str, Any]:
        """Return the content of a JSON body; InvalidTranslation if it is not JSON."""
        return {"content": _decode(message, "the body")}


@attrs.define
class SNSMessageTranslator:
    """The content is the JSON in the envelope's `Message`, or the body's own JSON where delivery is raw.

    With `topics` or `verify`, only envelopes are taken: raw delivery proves nothing.

    Attributes:
        topics: The ARNs of the topics whose messages are taken; None takes those of any.
        verify: Whether SNS's signature is checked; that needs the extra `sns`.
        fetch: Returns the certificate at an address of SNS's; None fetches it as any HTTPS client would.

    """

    topics: Collection[str] | None = attrs.field(default=None, converter=topics_of)
    verify: bool = attrs.field(default=False, kw_only=True)
    fetch: Callable[[str], bytes] | None = attrs.field(default=None, kw_only=True, repr=False)
    _check_signature: Callable[[Mapping[str, Any]], None] | None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Get ready to check signatures.

        Raises:
            ConfigurationError: the extra `sns` is not installed.

        """
        if self.verify:
            self._check_signature = _signature_check(self.fetch)
            if self.topics is None:
                logger.warning("verify=True without topics takes whatever SNS has signed, for anybody's topic")

    @property
    def checks(self) -> bool:
        """Whether it refuses messages: it is then called even for a handler that wants no content."""
        return self.topics is not None or self.verify

    @property
    def blocking(self) -> bool:
        """Whether it is to be called in a thread: a certificate may have to be fetched."""
        return self.verify

    def notification(self, message: str) -> Notification | None:
        """Return what the envelope in a body says, unchecked, where nobody wants the content; None if it is none."""
        try:
            body = _decode(message, "the body")
            return notification_of(body) if is_envelope(body) else None
        except InvalidTranslation:
            return None

    def translate(self, message: str, whole: Message | None = None) -> dict[str, Any]:
        """Return the content of a notification; given the whole message, also the `notification` that it was.

        Raises:
            InvalidTranslation: it is not JSON, not a notification as SNS sends them, or not one to be taken.

        """
        body = _decode(message, "the body")
        if not is_envelope(body):
            if self.checks:
                raise InvalidTranslation("the body is no SNS envelope, which alone tells its topic")
            return {"content": body}
        notification = notification_of(body)
        if self.topics is not None and notification.topic not in self.topics:
            raise InvalidTranslation(
                f"the SNS envelope's topic is none of those to be taken{shown(notification.topic)}"
            )
        if self._check_signature is not None:
            self._check_signature(body)
        content = _decode(body["Message"], "the SNS envelope's 'Message'")
        return {"content": content} if whole is None else {"content": content, "notification": notification}


class StringMessageTranslator:
    """The content is the body as it is."""

    def translate(self, message: str) -> dict[str, Any]:
        """Return the body as content; InvalidTranslation if it holds lone surrogates."""
        _check_text(message, "the body")
        return {"content": message}


def _signature_check(fetch: Callable[[str], bytes] | None) -> Callable[[Mapping[str, Any]], None]:
    """Return what checks signatures, with certificates of its own; ConfigurationError without the extra `sns`."""
    try:
        from loafer.adapters.aws.sns_certificates import Certificates, download  # noqa: PLC0415 - an extra has it
        from loafer.adapters.aws.sns_signature import check_signature  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigurationError("verify=True needs cryptography; pip install 'loafer[sns]'") from error
    return partial(check_signature, certificates=Certificates(fetch or download))


def _decode(text: str, what: str) -> Any:
    if not text.isascii():
        _check_text(text, what)
    try:
        content = parse(text)
    except RecursionError as error:
        raise InvalidTranslation(f"{what} is nested too deeply") from error
    except ValueError as error:
        raise InvalidTranslation(f"{what} is not JSON: {error}") from error
    lone = lone_surrogate(text)
    if lone is not None:
        raise InvalidTranslation(f"{what} holds a lone surrogate at character {lone}")
    return content


def _check_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidTranslation(f"{what} holds a lone surrogate at character {error.start}") from error
