"""From content to a message on its way: what every publisher of an application goes through."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from loafer.application.destination import Destination
from loafer.domain.attributes import AttributeValue, attributes_of
from loafer.domain.batch import Failure
from loafer.domain.limits import Limits, mistake_in
from loafer.domain.message import OutgoingMessage
from loafer.domain.sending import NOT_SENT
from loafer.exceptions import InvalidContent, PublisherError

if TYPE_CHECKING:
    from loafer.application.connection import Connection  # it imports asyncio, and `import loafer` does not

NEVER_OPENED = "the application does not run yet"
ENDED = "the application has ended"

NOTHING = "content None is JSON null, which translators take for no content: no handler would ever be given it"


@attrs.define  # a frozen one takes twice as long to make
class Details:
    """What goes with content."""

    attributes: Mapping[str, AttributeValue]
    delay: float | None
    group: str | None
    deduplication_id: str | None


@attrs.define(eq=False)
class Outlet:
    """Where the content of one publisher goes; any coroutine may publish, also in the event loop of another thread.

    Attributes:
        destination: Where that is.

    """

    destination: Destination
    _limits: Limits = attrs.field(
        default=attrs.Factory(lambda self: self.destination.limits, takes_self=True), init=False
    )
    _open: "list[Connection]" = attrs.field(factory=list, init=False)
    _why_not: str = attrs.field(default=NEVER_OPENED, init=False)

    def opened(self, connection: "Connection") -> None:
        """Send over an open connection, until it is `closed`."""
        self._open.append(connection)

    def closed(self, connection: "Connection") -> None:
        """Send over a connection no longer."""
        if connection in self._open:
            self._open.remove(connection)
            self._why_not = ENDED

    def publish(self, content: object, details: Details) -> Awaitable[str]:
        """Send one message and return its id; its publisher refuses what breaks a limit.

        Raises:
            PublisherError: it failed, and was not sent unless the answer alone was lost; one sentence says why.

        """
        connection = self._connected()
        message = self._message(content, details, connection.write)
        if connection.told is not None:  # what is refused for a limit is nothing to tell of
            message = self._within_limits(message)
        if isinstance(message, Failure):
            raise PublisherError(f"{self.destination.place} does not take the message: {message.reason}")
        return connection.publish(message)

    async def publish_batch(self, batch: Sequence[tuple[object, Details]]) -> list[str | Failure]:
        """Send many messages; return of each its id, or why that failed: what is refused keeps no other one back.

        Raises:
            PublisherError: nothing was sent, for the application does not run.

        """
        connection = self._connected()
        messages = self._messages(batch, connection.write)
        outgoing = [message for message in messages if isinstance(message, OutgoingMessage)]
        sent = iter(await connection.publish_batch(outgoing) if outgoing else ())
        return [message if isinstance(message, Failure) else next(sent) for message in messages]

    def _connected(self) -> "Connection":
        """Return the first connection of this event loop, if there is one, else that of another one."""
        if not self._open:
            raise PublisherError(
                f"nothing can be published to {self.destination.place}, for {self._why_not}: publish in a handler, "
                "in the lifespan, or within `async with app.publishing()`"
            )
        for each in self._open:
            if each.is_here:
                return each
        return self._open[0]

    def _messages(
        self, batch: Sequence[tuple[object, Details]], write: Callable[[Any], str]
    ) -> list[OutgoingMessage | Failure]:
        """Return each as it is to be sent, or why it is not: on FIFO nothing of a group after one that is refused."""
        ordered, refused = self._limits.ordered, set[str | None]()
        messages: list[OutgoingMessage | Failure] = []
        for content, details in batch:
            message = NOT_SENT if details.group in refused else self._message(content, details, write)
            message = self._within_limits(message)
            if isinstance(message, Failure) and ordered and details.group is not None:
                refused.add(details.group)
            messages.append(message)
        return messages

    def _message(self, content: object, details: Details, write: Callable[[Any], str]) -> OutgoingMessage | Failure:
        """Return the message that carries content, or why there can be none."""
        try:
            body = write(content)
            attributes = attributes_of(details.attributes)
            delay = None if details.delay is None else _whole_seconds(details.delay)
        except InvalidContent as error:
            where = "" if error.path == "$" else f" at {error.path}"
            return Failure(f"its content is of another type: {error.what}{where}", retryable=False)
        except TypeError as error:
            return Failure(str(error), retryable=False)
        if body == "null":
            return Failure(NOTHING, retryable=False)
        return OutgoingMessage(body, attributes, delay, details.group, details.deduplication_id)

    def _within_limits(self, message: OutgoingMessage | Failure) -> OutgoingMessage | Failure:
        """Return a message, or why there is none: a limit that it breaks."""
        mistake = mistake_in(message, self._limits) if isinstance(message, OutgoingMessage) else None
        return message if mistake is None else Failure(mistake, retryable=False)


def _whole_seconds(delay: float) -> int:
    """Return a delay as the services take it, rounded up; TypeError if it is no number."""
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not math.isfinite(delay):
        raise TypeError(f"delay={delay!r} is no number of seconds")
    return math.ceil(delay)
