"""What handlers publish with: typed, and connected to a queue or a topic while the application runs."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import attrs

from loafer.application.registered import Line
from loafer.domain.batch import Failure
from loafer.domain.message import Attribute
from loafer.exceptions import PublisherError

Content_contra = TypeVar("Content_contra", contravariant=True)

AttributeValue: TypeAlias = str | int | float | bytes | Attribute
"""What a message attribute can be made of."""

NO_VALUES: Mapping[str, AttributeValue] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class Destination:
    """Where something is published, as it stands in code.

    Attributes:
        name: The name, URL or ARN of a queue, or the name or ARN of a topic.
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


class Outlet(Protocol):
    """What a publisher is connected to while the application runs."""

    async def send(
        self,
        contents: Sequence[object],
        attributes: Mapping[str, AttributeValue],
        delay: float | None,
        group: str | None,
        deduplication_id: str | None,
    ) -> Sequence[str | Failure]:
        """Send contents, and return of each its message id, or why it was not sent."""
        ...


@attrs.define(eq=False)
class QueuePublisher(Generic[Content_contra]):
    """Publishes content of one type to a queue.

    Attributes:
        destination: Where to.
        outlet: What carries it there; None while the application does not run.

    """

    destination: Destination
    outlet: Outlet | None = attrs.field(default=None, init=False)

    async def publish(
        self,
        content: Content_contra,
        *,
        attributes: Mapping[str, AttributeValue] = NO_VALUES,
        delay: float | None = None,
        group: str | None = None,
        deduplication_id: str | None = None,
    ) -> str:
        """Send one message and return its id.

        Raises:
            PublisherError: it was not sent; one sentence says why.

        """
        outlet = _connected(self.destination, self.outlet)
        return _one(self.destination, await outlet.send([content], attributes, delay, group, deduplication_id))

    async def publish_batch(self, contents: Sequence[Content_contra]) -> Sequence[str | Failure]:
        """Send many messages; return of each its id, or why it was not sent, in their order.

        Raises:
            PublisherError: the application does not run.

        """
        return await _connected(self.destination, self.outlet).send(contents, NO_VALUES, None, None, None)


@attrs.define(eq=False)
class TopicPublisher(Generic[Content_contra]):
    """Publishes content of one type to a topic, which delays nothing.

    Attributes:
        destination: Where to.
        outlet: What carries it there; None while the application does not run.

    """

    destination: Destination
    outlet: Outlet | None = attrs.field(default=None, init=False)

    async def publish(
        self,
        content: Content_contra,
        *,
        attributes: Mapping[str, AttributeValue] = NO_VALUES,
        group: str | None = None,
        deduplication_id: str | None = None,
    ) -> str:
        """Send one message and return its id.

        Raises:
            PublisherError: it was not sent; one sentence says why.

        """
        outlet = _connected(self.destination, self.outlet)
        return _one(self.destination, await outlet.send([content], attributes, None, group, deduplication_id))

    async def publish_batch(self, contents: Sequence[Content_contra]) -> Sequence[str | Failure]:
        """Send many messages; return of each its id, or why it was not sent, in their order.

        Raises:
            PublisherError: the application does not run.

        """
        return await _connected(self.destination, self.outlet).send(contents, NO_VALUES, None, None, None)


def _connected(destination: Destination, outlet: Outlet | None) -> Outlet:
    if outlet is None:
        raise PublisherError(
            f"nothing can be published to {destination.name!r} while the application does not run: "
            "publish in a handler, in the lifespan, or within `async with app.publishing()`"
        )
    return outlet


def _one(destination: Destination, results: Sequence[str | Failure]) -> str:
    [result] = results
    if isinstance(result, Failure):
        raise PublisherError(f"{destination.name!r}: {result.reason}")
    return result
