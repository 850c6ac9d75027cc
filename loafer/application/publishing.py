"""What handlers publish with: typed, and connected to a queue or a topic while the application runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

import attrs

from loafer.application.destination import Destination
from loafer.application.outlet import Details, Outlet
from loafer.domain.attributes import NO_VALUES, AttributeValue
from loafer.domain.batch import Failure

Content = TypeVar("Content")
Content_contra = TypeVar("Content_contra", contravariant=True)


def _outlet_of(publisher: "QueuePublisher[object] | TopicPublisher[object]") -> Outlet:
    return Outlet(publisher.destination)


@attrs.frozen(eq=False)
class QueuePublisher(Generic[Content_contra]):
    """Publishes content of one type to a queue.

    Attributes:
        destination: Where to.
        outlet: What carries it there while the application runs.

    """

    destination: Destination
    outlet: Outlet = attrs.field(default=attrs.Factory(_outlet_of, takes_self=True), init=False, repr=False)

    async def publish(
        self,
        content: Content_contra,
        *,
        attributes: Mapping[str, AttributeValue] = NO_VALUES,
        delay: float | None = None,
        group: str | None = None,
        deduplication_id: str | None = None,
    ) -> str:
        """Send one message and return its id; the queue shows it after `delay` seconds, 0 to 900.

        `group` and `deduplication_id` are for FIFO queues, which need a group.

        Raises:
            PublisherError: it failed, and was not sent unless the answer alone was lost; one sentence says why.

        """
        return await self.outlet.publish(content, Details(attributes, delay, group, deduplication_id))

    async def publish_batch(
        self,
        contents: Sequence[Content_contra],
        *,
        attributes: Mapping[str, AttributeValue] = NO_VALUES,
        delay: float | None = None,
        group: str | Callable[[Content_contra], str] | None = None,
        deduplication_id: Callable[[Content_contra], str] | None = None,
    ) -> list[str | Failure]:
        """Send many messages; return of each its id, or why that failed, in their order.

        All have the same attributes and delay. `group` is the group of all, or says that of each content. On a FIFO
        queue nothing of a group is sent after one of it has failed.

        Raises:
            PublisherError: nothing was sent, for the application does not run.

        """
        return await self.outlet.publish_batch(_each(contents, attributes, delay, group, deduplication_id))


@attrs.frozen(eq=False)
class TopicPublisher(Generic[Content_contra]):
    """Publishes content of one type to a topic, which delays nothing.

    Attributes:
        destination: Where to.
        outlet: What carries it there while the application runs.

    """

    destination: Destination
    outlet: Outlet = attrs.field(default=attrs.Factory(_outlet_of, takes_self=True), init=False, repr=False)

    async def publish(
        self,
        content: Content_contra,
        *,
        attributes: Mapping[str, AttributeValue] = NO_VALUES,
        group: str | None = None,
        deduplication_id: str | None = None,
    ) -> str:
        """Send one message and return its id; `group` and `deduplication_id` are for FIFO topics.

        Raises:
            PublisherError: it failed, and was not sent unless the answer alone was lost; one sentence says why.

        """
        return await self.outlet.publish(content, Details(attributes, None, group, deduplication_id))

    async def publish_batch(
        self,
        contents: Sequence[Content_contra],
        *,
        attributes: Mapping[str, AttributeValue] = NO_VALUES,
        group: str | Callable[[Content_contra], str] | None = None,
        deduplication_id: Callable[[Content_contra], str] | None = None,
    ) -> list[str | Failure]:
        """Send many messages; return of each its id, or why that failed, in their order, as a QueuePublisher does.

        Raises:
            PublisherError: nothing was sent, for the application does not run.

        """
        return await self.outlet.publish_batch(_each(contents, attributes, None, group, deduplication_id))


def _each(
    contents: Sequence[Content],
    attributes: Mapping[str, AttributeValue],
    delay: float | None,
    group: str | Callable[[Content], str] | None,
    deduplication_id: Callable[[Content], str] | None,
) -> list[tuple[object, Details]]:
    """Return each content with what goes with it."""
    if not callable(group) and deduplication_id is None:
        of_all = Details(attributes, delay, group, None)
        return [(content, of_all) for content in contents]
    return [
        (
            content,
            Details(
                attributes,
                delay,
                group(content) if callable(group) else group,
                deduplication_id(content) if deduplication_id is not None else None,
            ),
        )
        for content in contents
    ]
