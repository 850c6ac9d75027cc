"""Which transport carries the frequent calls of the code under test, and that it does."""

import os

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.lean.plain import SDK, SWITCH
from loafer.adapters.aws.publisher import SNSPublisher, SQSPublisher

LEAN = "lean"
TRANSPORTS = (LEAN, SDK)
_LINES = {
    LEAN: "frequent calls go over the lean transport",
    SDK: f"every call goes through aiobotocore: {SWITCH} says so",
}


def chosen() -> str:
    """Return the transport that the environment asks for."""
    return SDK if os.environ.get(SWITCH) == SDK else LEAN


def check_consumer(consumer: SQSConsumer) -> None:
    """Fail unless an open consumer uses the transport that the environment asks for."""
    assert consumer._opened is not None
    assert (consumer._opened.queue.lean is not None) == (chosen() == LEAN)


def check_publisher(publisher: SQSPublisher | SNSPublisher) -> None:
    """Fail unless an open publisher does; to a topic, the SDK carries all calls."""
    lean = chosen() == LEAN and isinstance(publisher, SQSPublisher)
    assert (publisher._channel._lean is not None) == lean


def times_told(log: str) -> int:
    """Return how often workers have told in a log that they use the transport that the environment asks for."""
    return log.count(_LINES[chosen()])


def check_log(log: str) -> None:
    """Fail unless the log of a worker at the level INFO names the transport that the environment asks for alone."""
    assert [name for name, line in _LINES.items() if line in log] == [chosen()]
