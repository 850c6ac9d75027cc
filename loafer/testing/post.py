"""Where everything that is published in a world goes through, and is written down."""

from collections.abc import Mapping
from functools import partial

import attrs

from loafer.adapters.memory.queue import MemoryQueue
from loafer.adapters.memory.topic import MemoryTopic
from loafer.domain.attributes import AttributeValue
from loafer.domain.message import OutgoingMessage
from loafer.testing.faults import Chance
from loafer.testing.faulty import CallingPublisher
from loafer.testing.places import Destination, Places
from loafer.testing.sending import content_in, outgoing


@attrs.define(eq=False)
class Post:
    """Sends to the queues and topics of a world.

    Attributes:
        places: The queues and topics.
        chance: What goes wrong for publishers.
        published: What was sent, each with the name of its queue or topic.

    """

    places: Places
    chance: Chance
    published: list[tuple[str, object]] = attrs.field(factory=list, init=False)

    def send(self, destination: MemoryQueue | MemoryTopic, message: OutgoingMessage) -> str:
        """Send a message and return its id; ValueError if it cannot be sent there."""
        message_id = destination.send(message)
        self.published.append((destination.name, content_in(message.body)))
        return message_id

    def publish(
        self,
        destination: Destination,
        content: object,
        *,
        attributes: Mapping[str, AttributeValue] | None,
        group: str | None,
        deduplication_id: str | None,
        delay: int | None,
        noted: bool = True,
    ) -> str:
        """Publish content and return the message's id; a string is its body, of anything else the JSON.

        Unless it is `noted`, it is not among what was published.

        Raises:
            LookupError: there is no queue or topic of that name.
            ValueError: it cannot be sent there.

        """
        message = outgoing(content, attributes=attributes, group=group, deduplication_id=deduplication_id, delay=delay)
        found = self.places.found(destination)
        return self.send(found, message) if noted else found.send(message)

    def publisher(self, destination: Destination) -> CallingPublisher:
        """Return a publisher to a queue or topic; LookupError if there is none of that name."""
        found = self.places.found(destination)
        return CallingPublisher(partial(self.send, found), self.chance, found.fifo)
