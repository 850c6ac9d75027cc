"""Tells observers of what is sent, and lets the context of their traces travel with it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import attrs

from loafer.application.clock import lease_clock
from loafer.application.destination import Destination
from loafer.application.listeners import Listeners
from loafer.domain.batch import Failure
from loafer.domain.carrying import with_context
from loafer.domain.message import OutgoingMessage

Results = Sequence[str | Failure]


@attrs.frozen(eq=False)
class ToldSends:
    """Sends to one destination, of which somebody wants to know.

    Attributes:
        to: The destination.
        tell: Whom to tell.
        clock: Seconds that never go back.

    """

    to: Destination
    tell: Listeners
    clock: Callable[[], float] = lease_clock

    async def send(
        self, messages: Sequence[OutgoingMessage], send: Callable[[Sequence[OutgoingMessage]], Awaitable[Results]]
    ) -> Results:
        """Send messages, tell of it before and after, and return what became of each; raises what `send` does."""
        name, topic, began = self.to.called, self.to.topic, self.clock()
        context: dict[str, str] = {}
        for tell in self.tell.sending:
            _add(context, tell(name, messages, topic=topic))
        if context:
            messages = [with_context(message, context, self.to.limits) for message in messages]
        results: Results = ()
        raised: BaseException | None = None
        try:
            results = await send(messages)
        except BaseException as error:
            raised, results = error, [Failure(type(error).__name__)] * len(messages)
            raise
        finally:
            for tell in reversed(self.tell.sent):  # what was opened last is closed first
                tell(name, results, raised, self.clock() - began, topic=topic)
        return results


def _add(context: dict[str, str], more: object) -> None:
    """Add what an observer wants to go with messages; `baggage` is a list, that several may add to."""
    if not isinstance(more, Mapping):
        return
    for name, value in more.items():
        if isinstance(name, str) and isinstance(value, str):
            context[name] = f"{context[name]},{value}" if name == "baggage" and name in context else value
