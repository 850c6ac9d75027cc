"""What calls cost, by list prices, and what would cost less."""

from collections.abc import Iterable, Iterator

import attrs

from loafer.domain.limits import FIFO, LARGEST_BATCH, LONGEST_WAIT

OF = "2026-11, us-east-1"
"""When and where the list prices are those below: they hardly ever change, and differ a little between regions."""

STANDARD, ORDERED, FAIR, TOPIC = 0.40, 0.50, 0.10, 0.50
"""Dollars for a million requests: on a standard queue, on a FIFO queue, on top where a standard queue has message
groups, and to a topic. The first million of each month is free, which is not taken off here."""

RECEIVE = "receive_message"
"""The SDK's name of what brings messages."""

AT_START = ("get_queue_url", "list_topics")
"""What is called when a worker starts, and not again."""

MILLION = 1_000_000
CHUNK = 64 * 1024
"""Bytes of messages that are billed as one request."""

MONTH = 30 * 86_400
"""Seconds."""

WORTH_SAYING = 0.01
"""Dollars a month from which advice is worth a line."""


def chunks_in(size: int) -> int:
    """Return as how many requests a call with so many bytes of messages is billed."""
    return -(-size // CHUNK) or 1


@attrs.frozen(kw_only=True)
class Billed:
    """Calls of one kind on one queue or topic.

    Attributes:
        operation: The SDK's name of the operation, such as receive_message.
        place: The queue's name, or the topic's.
        calls: How many.
        chunks: As how many requests they are billed.
        fair: Those of them that carried messages with a group, which cost more on a standard queue.
        empty: Receives that brought nothing.
        messages: Messages that receives brought.
        wait: Seconds that receives wait for a first message.
        most: Messages that a receive asks for at most.

    """

    operation: str
    place: str
    calls: int = 0
    chunks: int = 0
    fair: int = 0
    empty: int = 0
    messages: int = 0
    wait: float = 0
    most: int = 0

    def a_month(self, seconds: float) -> "Billed":
        """Return what there is in a month, if it goes on as in these seconds; what belongs to a start is there once."""
        if self.operation in AT_START:
            return self
        by = MONTH / seconds
        names = ("calls", "chunks", "fair", "empty", "messages")
        return attrs.evolve(self, **{name: round(getattr(self, name) * by) for name in names})

    @property
    def dollars(self) -> float:
        """What they cost."""
        return self.chunks * self.price / MILLION + (0.0 if self.place.endswith(FIFO) else self.fair * FAIR / MILLION)

    @property
    def price(self) -> float:
        """What a million of such requests costs."""
        if self.operation.startswith("publish"):
            return TOPIC
        return ORDERED if self.place.endswith(FIFO) else STANDARD


def together(lines: Iterable[Billed]) -> list[Billed]:
    """Return the lines of several workers as one list, what costs most first."""
    found = dict[tuple[str, str], Billed]()
    for line in lines:
        other = found.get((line.operation, line.place))
        found[line.operation, line.place] = line if other is None else _added(line, other)
    return sorted(found.values(), key=lambda line: (-line.dollars, line.place, line.operation))


def _added(one: Billed, other: Billed) -> Billed:
    names = ("calls", "chunks", "fair", "empty", "messages")
    return attrs.evolve(one, **{name: getattr(one, name) + getattr(other, name) for name in names})


@attrs.frozen
class Advice:
    """What would cost less.

    Attributes:
        place: The queue's name.
        text: What to do.
        dollars: What it saves in a month.

    """

    place: str
    text: str
    dollars: float


def advice_for(lines: Iterable[Billed]) -> Iterator[Advice]:
    """Yield what would cost less in a month whose calls these are, where that is worth saying."""
    for line in lines:
        if line.operation != RECEIVE:
            continue
        saved = line.empty * (1 - max(line.wait, 1) / LONGEST_WAIT) * line.price / MILLION
        if saved >= WORTH_SAYING:
            text = f"WaitTimeSeconds {LONGEST_WAIT} instead of {line.wait:g}: fewer empty receives"
            yield Advice(line.place, text, saved)
        full = line.calls - line.empty
        saved = full * (1 - line.most / LARGEST_BATCH) * line.price / MILLION
        if line.most and saved >= WORTH_SAYING and line.messages > 0.8 * line.most * full:
            text = f"MaxNumberOfMessages {LARGEST_BATCH} instead of {line.most}: fewer full receives"
            yield Advice(line.place, text, saved)
