"""What `loafer publish_sqs` and `loafer publish_sns` do."""

import asyncio
import json
import re
import sys
from collections.abc import Iterable
from typing import Any

import click

from loafer.adapters.aws.strict_json import is_json
from loafer.domain.limits import FIFO
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.container import Container
from loafer.exceptions import PublisherError
from loafer.ports.publisher import Publisher


def outgoing(context: click.Context, **options: Any) -> OutgoingMessage:
    """Return the message that the options of a publish command describe."""
    message, raw = options["msg"], options["raw"]
    if message == "-":
        message = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        message = message if raw else message.removesuffix("\n")
    try:
        attributes = attributes_of(options["attribute"])
    except ValueError as error:
        raise click.BadParameter(str(error), context, param_hint="--attribute") from error
    return OutgoingMessage(
        text_of(message, raw=raw),
        attributes,
        options.get("delay"),
        options.get("group_id"),
        options.get("deduplication_id"),
    )


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
    if queue.startswith("memory://"):
        raise PublisherError(f"{queue!r} is in the memory of one process, which no other reaches; give a queue on SQS")
    publisher = _container(settings).sqs_publisher(queue)
    _check_group("queue", queue, message)
    return asyncio.run(_publish(publisher, message))


def publish_to_topic(topic: str, message: OutgoingMessage, settings: Settings) -> str:
    """Send a message to a topic (name or ARN) and return its id.

    Raises:
        PublisherError: it was not sent.

    """
    publisher = _container(settings).sns_publisher(topic)
    _check_group("topic", topic, message)
    return asyncio.run(_publish(publisher, message))


def _check_group(noun: str, destination: str, message: OutgoingMessage) -> None:
    """Raise PublisherError, which names the option, for a message without a group where one is needed."""
    if destination.endswith(FIFO) and message.group is None:
        name = re.split("[/:]", destination)[-1]
        raise PublisherError(f"{noun} {name!r} is FIFO, and each of its messages needs a group: give --group-id ID")


def _container(settings: Settings) -> Container:
    return Container(transport=settings.sqs_transport)


async def _publish(publisher: Publisher, message: OutgoingMessage) -> str:
    try:
        await publisher.open()
        return await publisher.publish(message)
    finally:
        await publisher.close()
