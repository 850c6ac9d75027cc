"""Where an application publishes, as it stands in its code."""

import re
from typing import Any

import attrs

from loafer.application.registered import Line
from loafer.domain.limits import QUEUE, TOPIC, Limits


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
    def place(self) -> str:
        """How an error names it."""
        return f"{'topic' if self.topic else 'queue'} {re.split('[/:]', self.name)[-1]!r}"

    @property
    def limits(self) -> Limits:
        """What a message may be there."""
        return (TOPIC if self.topic else QUEUE).of(self.name.rstrip("/"))
