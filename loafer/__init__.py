"""Loafer: an asynchronous message dispatcher for Amazon SQS.

Every public name is here, and imported when it is asked for.
"""

from typing import TYPE_CHECKING

__version__ = "1.0.0"

if TYPE_CHECKING:
    from loafer.application.publishing import QueuePublisher, TopicPublisher
    from loafer.application.registering import CallNext
    from loafer.application.routing import Router
    from loafer.domain.attributes import AttributeValue
    from loafer.domain.batch import Failure
    from loafer.domain.conditions import attribute, body, group, subject, topic
    from loafer.domain.context import Context
    from loafer.domain.item import Item
    from loafer.domain.lifecycle import Outcome
    from loafer.domain.message import Attribute, Message, Notification
    from loafer.domain.retry import Retry
    from loafer.entrypoints.app import Loafer
    from loafer.entrypoints.worker.handle import Worker
    from loafer.exceptions import (
        AccessDenied,
        ConfigurationError,
        ConsumerError,
        ConsumerUnavailable,
        HandlerTimeout,
        IgnoreMessage,
        InvalidContent,
        LifespanError,
        LoaferError,
        PublisherError,
        RejectMessage,
    )

__all__ = [
    "AccessDenied",
    "Attribute",
    "AttributeValue",
    "CallNext",
    "ConfigurationError",
    "ConsumerError",
    "ConsumerUnavailable",
    "Context",
    "Failure",
    "HandlerTimeout",
    "IgnoreMessage",
    "InvalidContent",
    "Item",
    "LifespanError",
    "Loafer",
    "LoaferError",
    "Message",
    "Notification",
    "Outcome",
    "PublisherError",
    "QueuePublisher",
    "RejectMessage",
    "Retry",
    "Router",
    "TopicPublisher",
    "Worker",
    "attribute",
    "body",
    "group",
    "subject",
    "topic",
]

if not TYPE_CHECKING:  # a type checker would take any name for one that is here
    _HOMES = {
        "Attribute": "domain.message",
        "AttributeValue": "domain.attributes",
        "CallNext": "application.registering",
        "Context": "domain.context",
        "Failure": "domain.batch",
        "Item": "domain.item",
        "Loafer": "entrypoints.app",
        "Message": "domain.message",
        "Notification": "domain.message",
        "Outcome": "domain.lifecycle",
        "QueuePublisher": "application.publishing",
        "Retry": "domain.retry",
        "Router": "application.routing",
        "TopicPublisher": "application.publishing",
        "Worker": "entrypoints.worker.handle",
        "attribute": "domain.conditions",
        "body": "domain.conditions",
        "group": "domain.conditions",
        "subject": "domain.conditions",
        "topic": "domain.conditions",
    }

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - whoever asks for the version alone needs none

        found = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'exceptions')}"), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return list(__all__)
