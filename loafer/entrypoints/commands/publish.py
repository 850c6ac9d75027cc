"""What `loafer publish_sqs` and `loafer publish_sns` do."""

import asyncio
import json
from collections.abc import Iterable

from loafer.adapters.aws.strict_json import is_json
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.container import Container
from loafer.ports.publisher import Publisher


def text_of(message: str, *, raw: bool) -> str:
    """Return the body to send: JSON as it is, other text as a JSON string, and with `raw` anything untouched."""
    return message if raw or is_json(message) else json.dumps(message, ensure_ascii=False)


def attributes_of(pairs: Iterable[str]) -> dict[str, Attribute]:
    """Return the message attributes of NAME=VALUE texts.

    Raises:
        ValueError: a text is no such pair, or a name comes twice.

    """
    attributes: dict[str, Attribute] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals or not value:
            raise ValueError(f"{pair!r} is not NAME=VALUE")
        if name in attributes:
            raise ValueError(f"attribute {name!r} is given twice")
        attributes[name] = Attribute(value)
    return attributes


def publish_to_queue(queue: str, message: OutgoingMessage, settings: Settings) -> str:
    """Send a message to a queue (name, URL or ARN) and return its id.

    Raises:
        PublisherError: it was not sent.

    """
    return asyncio.run(_publish(_container(settings).sqs_publisher(queue), message))


def publish_to_topic(topic: str, message: OutgoingMessage, settings: Settings) -> str:
    """Send a message to a topic (name or ARN) and return its id.

    Raises:
        PublisherError: it was not sent.

    """
    return asyncio.run(_publish(_container(settings).sns_publisher(topic), message))


def _container(settings: Settings) -> Container:
    return Container(transport=settings.sqs_transport)


async def _publish(publisher: Publisher, message: OutgoingMessage) -> str:
    try:
        await publisher.open()
        return await publisher.publish(message)
    finally:
        await publisher.close()
