"""What a configuration uses of AWS: the queues that it receives from, and where it publishes."""

import attrs

from loafer.domain.checks.topic import Translating
from loafer.domain.facts import Place


@attrs.frozen(kw_only=True)
class Source:
    """A queue that is received from.

    Attributes:
        place: The queue.
        route: The name of its route.
        moves: After how many attempts our hand moves a message to the dead-letter queue; None: never.
        explains: Whether our hand moves messages there at their last attempt, to say why.
        visibility: The visibility timeout that receives ask for, in seconds; None: the queue's own.
        translating: What its translator does with a topic's envelopes.

    """

    place: Place
    route: str
    moves: int | None = None
    explains: bool = False
    visibility: int | None = None
    translating: Translating = attrs.field(factory=lambda: Translating(name="SQSMessageTranslator"))


@attrs.frozen(kw_only=True)
class Destination:
    """A queue or a topic that is published to.

    Attributes:
        place: The queue or topic.
        topic: Whether it is a topic.

    """

    place: Place
    topic: bool


@attrs.frozen(kw_only=True)
class Uses:
    """All that a configuration uses.

    Attributes:
        sources: Where it receives from.
        destinations: Where it publishes.
        strangers: What has a consumer that is not loafer's, so that nobody knows what it calls; a sentence each.
        grace_period: Seconds that running handlers get on a stop.
        threads_needed: Threads that its handlers can need at once.
        threads: Threads that there are for them.

    """

    sources: tuple[Source, ...] = ()
    destinations: tuple[Destination, ...] = ()
    strangers: tuple[str, ...] = ()
    grace_period: float = 20.0
    threads_needed: int = 0
    threads: int = 0
