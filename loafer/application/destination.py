"""Where an application publishes, as it stands in its code."""

import re
from typing import Any

import attrs

from loafer.application.registered import Line
from loafer.domain.limits import QUEUE, TOPIC, Limits
from loafer.domain.shown import without_secrets


@attrs.frozen(kw_only=True)
class Destination:
    """Where something is published, as it stands in code.

    Attributes:
        name: The name, URL or ARN of a queue, the name or ARN of a topic, or memory://NAME.
        topic: Whether it is a topic.
        content: The type of what is published; `object` is anything.
        line: Where it was registered.
        region: Its region.
        endpoint: The endpoint that is called.
        profile: The profile whose credentials are used.

    """

    name: str
    topic: bool
    content: Any
    line: Line
    region: str | None = None
    endpoint: str | None = None
    profile: str | None = None

    @property
    def called(self) -> str:
        """The name of the queue or topic, of whatever way it was written: a URL may hold secrets besides."""
        return re.split("[/:]", without_secrets(self.name).rstrip("/"))[-1]

    @property
    def place(self) -> str:
        """How an error names it."""
        return f"{'topic' if self.topic else 'queue'} {self.called!r}"

    @property
    def limits(self) -> Limits:
        """What a message may be there."""
        return (TOPIC if self.topic else QUEUE).of(self.called)
