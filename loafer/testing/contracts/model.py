"""The reference model of a queue: visible, leased (receipt, deadline), deleted, dead-lettered; times are ranges."""

from collections.abc import Sequence

import attrs

from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.testing.contracts.world import is_lost


@attrs.frozen
class Moment:
    """A call happened between two times, in seconds."""

    began: float
    ended: float


@attrs.define(eq=False)
class Known:
    """A message that may be on the queue, as the model knows it.

    Attributes:
        message: What was sent.
        hidden: It becomes visible between these two times.
        receipt: The newest receipt that was seen; empty before the first.
        fewest: It was delivered at least so often.
        most: It was delivered at most so often; a cancelled receive may have been a delivery.
        maybe_deleted: It was acknowledged when its lease may have ended, so it may come again, or not.

    """

    message: OutgoingMessage
    hidden: Moment
    receipt: str = ""
    fewest: int = 0
    most: int = 0
    maybe_deleted: bool = False


@attrs.define(eq=False)
class Model:
    """What must hold of a queue after what was done to it; an `AssertionError` says what did not."""

    visibility_timeout: float
    max_receive_count: int | None
    ordered: bool
    slack: float
    refuses_ended_leases: bool = True
    known: dict[str, Known] = attrs.field(factory=dict, init=False)
    settled: set[str] = attrs.field(factory=set, init=False)
    moved: list[str] = attrs.field(factory=list, init=False)
    deliveries: list[Message] = attrs.field(factory=list, init=False)

    def sent(self, message_id: str, message: OutgoingMessage, at: Moment) -> None:
        """Know a message that was sent."""
        assert message_id not in self.known, "two messages have one id"
        delay = message.delay or 0
        self.known[message_id] = Known(message, Moment(at.began + delay, at.ended + delay))

    def received(self, messages: Sequence[Message], limit: int, at: Moment, wait_time: float) -> None:
        """Check what a receive brought, and know its leases."""
        assert len(messages) <= limit, "a receive brought more than it was asked for"
        assert len({message.id for message in messages}) == len(messages), "a message was delivered twice at once"
        assert messages or not self.must_bring(at.began), "a message was visible, and a receive did not bring it"
        assert messages or at.ended - at.began >= wait_time - self.slack, "a receive brought nothing before its time"
        if self.ordered:
            self._check_order(messages, at)
        for message in messages:
            self._delivered(message, at)

    def cancelled(self, at: Moment, limit: int) -> None:
        """Know that a receive was cancelled: what was visible may be leased, and comes back."""
        for known in self.known.values() if limit else ():
            if not self.surely_hidden(known, at.ended):
                known.hidden = Moment(known.hidden.began, at.ended + self.visibility_timeout)
                known.most += 1

    def acknowledged(self, messages: Sequence[Message], results: Sequence[Failure | None], at: Moment) -> None:
        """Check the results, and know what is deleted; an old receipt changes nothing."""
        for message, result in zip(messages, results, strict=True):
            known = self.holder(message)
            if known is None:
                continue
            if self.surely_hidden(known, at.ended):
                assert result is None, "the holder of a lease could not acknowledge"
                self._settled(message.id)
            elif result is None:
                known.maybe_deleted = True

    def hidden(
        self, messages: Sequence[Message], delays: Sequence[float], results: Sequence[Failure | None], at: Moment
    ) -> None:
        """Check the results of a release or an extend, and know the new deadlines; an old receipt changes nothing."""
        for message, delay, result in zip(messages, delays, results, strict=True):
            known = self.holder(message)
            if known is None or (self.refuses_ended_leases and self.surely_visible(known, at.began)):
                assert is_lost(result), "a lost lease was not reported"
                continue
            if self.surely_hidden(known, at.ended):
                assert result is None, "the holder of a lease could not change it"
            if result is None:
                known.hidden = Moment(at.began + delay, at.ended + delay)

    def dead_lettered(self, message: Message, result: Failure | None) -> None:
        """Check that the holder of a lease could move its message."""
        assert result is None, "the holder of a lease could not move its message to the dead-letter queue"
        self._settled(message.id)
        self.moved.append(message.body)

    def drained(self, letters: Sequence[str]) -> None:
        """Check, when everything was received and acknowledged, that what is missing is where it must be."""
        missing = [known for known in self.known.values() if not known.maybe_deleted]
        spent = {known.message.body for known in self.known.values() if self.maybe_spent(known)}
        lost = sorted(known.message.body for known in missing if known.message.body not in letters)
        assert not lost, f"messages are lost: {lost}"
        assert set(letters) <= spent | set(self.moved), "a message went to the dead-letter queue too early"
        assert set(self.moved) <= set(letters), "a message that was moved is not on the dead-letter queue"

    def holder(self, message: Message) -> Known | None:
        """Return the message of a receipt, if that is its newest."""
        known = self.known.get(message.id)
        return known if known is not None and known.receipt == message.receipt else None

    def usable(self, *, old: bool) -> list[Message]:
        """Return all deliveries; without the `old` ones only those that are the newest of a message that is there."""
        return [message for message in self.deliveries if old or self.holder(message) is not None]

    def leased(self, now: float) -> list[Message]:
        """Return the deliveries whose lease holds for certain."""
        held = [(message, self.holder(message)) for message in self.deliveries]
        return [message for message, known in held if known is not None and self.surely_hidden(known, now)]

    def surely_hidden(self, known: Known, now: float) -> bool:
        """Tell whether a message cannot be visible yet."""
        return now < known.hidden.began - self.slack

    def surely_visible(self, known: Known, now: float) -> bool:
        """Tell whether a message cannot be hidden any more."""
        return now > known.hidden.ended + self.slack

    def maybe_spent(self, known: Known) -> bool:
        """Tell whether a message may have had all its deliveries."""
        return self.max_receive_count is not None and known.most >= self.max_receive_count

    def must_bring(self, now: float) -> bool:
        """Tell whether a receive that begins now must bring something."""
        if any(self.maybe_spent(known) or known.maybe_deleted for known in self.known.values()):
            return False
        hidden = {k.message.group for k in self.known.values() if not self.surely_visible(k, now)}
        return any(
            self.surely_visible(known, now) and not (self.ordered and known.message.group in hidden)
            for known in self.known.values()
        )

    def _settled(self, message_id: str) -> None:
        del self.known[message_id]
        self.settled.add(message_id)

    def _delivered(self, message: Message, at: Moment) -> None:
        assert message.id not in self.settled, "a message came back after it was acknowledged"
        assert message.id in self.known, "a message came that was not sent"
        known, sent = self.known[message.id], self.known[message.id].message
        assert not self.surely_hidden(known, at.ended), "a message came while another lease of it, or its delay, held"
        assert (message.body, message.group, message.attributes) == (sent.body, sent.group, sent.attributes)
        assert message.receipt not in {earlier.receipt for earlier in self.deliveries}, "a receipt came twice"
        assert known.fewest < message.receive_count <= known.most + 1, "deliveries were not counted"
        if self.max_receive_count is not None:
            assert message.receive_count <= self.max_receive_count, "a message was not redriven after its deliveries"
        known.receipt, known.maybe_deleted = message.receipt, False
        known.fewest = known.most = message.receive_count
        known.hidden = Moment(at.began + self.visibility_timeout, at.ended + self.visibility_timeout)
        self.deliveries.append(message)

    def _check_order(self, messages: Sequence[Message], at: Moment) -> None:
        for group in {message.group for message in messages}:
            came = [message.id for message in messages if message.group == group]
            waiting = {name: known for name, known in self.known.items() if known.message.group == group}
            for known in waiting.values():
                in_flight = known.fewest and not known.maybe_deleted and self.surely_hidden(known, at.ended)
                assert not in_flight, "a message came while another of its group was in flight"
            expected = [name for name, known in waiting.items() if name in came or not self._maybe_gone(known)]
            assert came == expected[: len(came)], "a message came before one of its group that was sent earlier"

    def _maybe_gone(self, known: Known) -> bool:
        return known.maybe_deleted or self.maybe_spent(known)
