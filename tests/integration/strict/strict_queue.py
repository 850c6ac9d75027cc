"""A queue with SQS's strictness, as pure state: every call says what time it is, and nothing waits.

What it does follows the API reference and the developer guide of SQS:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

import hashlib
from collections.abc import Callable
from itertools import count

import attrs
from strict.attributes import ARN, Settings
from strict.stored import INVALID, NOT_IN_FLIGHT, Attempt, Event, Refusal, Stored

DEDUPLICATION_INTERVAL = 5 * 60
LONGEST_VISIBILITY = 43_200
_DETAIL = 120


@attrs.define(eq=False)
class StrictQueue:
    """One queue, standard or FIFO.

    Attributes:
        find: Returns the queue of a name: where a redrive policy moves messages.
        history: All that happened.

    """

    name: str
    settings: Settings
    find: Callable[[str], "StrictQueue | None"] = lambda _: None
    history: list[Event] = attrs.field(factory=list)
    stored: dict[str, Stored] = attrs.field(factory=dict)
    _numbers: "count[int]" = attrs.field(factory=lambda: count(1))
    _seen: dict[tuple[str, str], tuple[float, str, int]] = attrs.field(factory=dict)
    _attempts: dict[str, Attempt] = attrs.field(factory=dict)
    _purged_at: float = float("-inf")

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")

    def send(self, message: Stored, now: float, worker: str = "") -> Stored:
        """Store a message under a sequence number; one whose deduplication id was seen gives the first one's id."""
        message.sequence = next(self._numbers)
        if self.fifo:
            key = (message.group or "" if self.settings.by_group else "", message.deduplication_id or "")
            at, first, sequence = self._seen.get(key, (float("-inf"), "", 0))
            if now - at < DEDUPLICATION_INTERVAL:
                self._note(now, "repeated", message, worker, message.body)
                return attrs.evolve(message, id=first, sequence=sequence)
            self._seen[key] = now, message.id, message.sequence
        return self.store(message, now, worker)

    def store(self, message: Stored, now: float, worker: str = "") -> Stored:
        """Store a message whatever its deduplication id."""
        self.stored[message.id] = message
        self._note(now, "sent", message, worker, message.body)
        return message

    def take_all(self, now: float) -> list[Stored]:
        """Take all visible messages away."""
        taken = [message for message in self.stored.values() if message.visible_at <= now]
        for message in taken:
            del self.stored[message.id]
            self._note(now, "moved", message)
        return taken

    def receive(
        self, limit: int, visibility: float, now: float, worker: str = "", detail: str = "", *, attempt: str = ""
    ) -> list[Stored]:
        """Take up to `limit` visible messages; what has been received often enough moves to the dead-letter queue.

        What was received by this attempt before is received by it once more; Refusal if it changed since.
        """
        self.notice(now)
        if attempt in self._attempts:
            return self._receive_again(attempt, visibility, now, worker)
        taken: list[Stored] = []
        hidden = [message for message in self.stored.values() if message.visible_at > now]
        locked = {message.group for message in hidden if self.fifo}
        for message in list(self.stored.values()):
            if len(taken) == limit:
                break
            if message.visible_at > now or (self.fifo and message.group in locked) or self._redriven(message, now):
                continue
            self._take(message, visibility, now)
            self._note(now, "received", message, worker, detail)
            taken.append(message)
        if attempt and taken:
            self._attempts[attempt] = Attempt(
                now, {message.id: (message.receipt, now + visibility) for message in taken}
            )
        return taken

    def delete(self, receipt: str, now: float, worker: str = "") -> None:
        """Delete the message of a receipt; Refusal for an expired one, but only on a FIFO queue."""
        self.notice(now)
        message = self._message_of(receipt)
        if message is None:
            return
        if self.fifo and not (message.receipt == receipt and message.in_flight(now)):
            self._note(now, "refused", message, worker, "delete")
            raise _expired(receipt)
        if message.receipt != receipt:
            self._note(now, "refused", message, worker, "delete, in silence")
            return
        del self.stored[message.id]
        self._note(now, "deleted", message, worker)

    def change_visibility(self, receipt: str, seconds: float, now: float, worker: str = "") -> None:
        """Hide the message of a receipt for so many seconds from now; Refusal if it is not in flight with it."""
        self.notice(now)
        if not 0 <= seconds <= LONGEST_VISIBILITY:
            raise Refusal(INVALID, f"Value {seconds} for parameter VisibilityTimeout is invalid.")
        message = self._message_of(receipt)
        try:
            checked = self._check_change(message, receipt, seconds, now)
        except Refusal:
            receives = message.receives if message else 0
            self.history.append(
                Event(now, "refused", receipt.partition("#")[0], worker, receives, f"visibility {seconds}")
            )
            raise
        checked.visible_at = now + seconds
        checked.noticed = not seconds
        self._note(now, "extended" if seconds else "released", checked, worker, str(seconds) if seconds else "")

    def purge(self, now: float, worker: str = "") -> None:
        if now - self._purged_at < 60:
            raise Refusal("PurgeQueueInProgress", "Only one PurgeQueue operation is allowed every 60 seconds.", 403)
        self._purged_at = now
        for message in self.stored.values():
            self._note(now, "purged", message, worker)
        self.stored.clear()

    def next_visible(self, now: float) -> float | None:
        """Return in how many seconds the next hidden message shows itself; None: there is none."""
        at = min((message.visible_at for message in self.stored.values() if message.visible_at > now), default=None)
        return None if at is None else at - now

    def counts(self, now: float) -> dict[str, int]:
        """Return how many messages are visible, in flight, and delayed."""
        in_flight = sum(message.in_flight(now) for message in self.stored.values())
        delayed = sum(not m.receipt and m.visible_at > now for m in self.stored.values())
        return {"visible": len(self.stored) - in_flight - delayed, "in_flight": in_flight, "delayed": delayed}

    def notice(self, now: float) -> None:
        """Note the leases that have ended by themselves."""
        for message in self.stored.values():
            if not message.noticed and message.visible_at <= now:
                message.noticed = True
                self._note(message.visible_at, "expired", message)

    def _receive_again(self, name: str, visibility: float, now: float, worker: str) -> list[Stored]:
        attempt = self._attempts[name]
        found = [message for id_ in attempt.taken if (message := self.stored.get(id_)) is not None]
        as_taken = {message.id: (message.receipt, message.visible_at) for message in found if message.in_flight(now)}
        if as_taken != attempt.taken or now - attempt.at >= DEDUPLICATION_INTERVAL:
            reason = "The receiveRequestAttemptId is not valid anymore since the receive call is not retryable."
            raise Refusal(INVALID, f"Value {name} for parameter ReceiveRequestAttemptId is invalid. Reason: {reason}")
        for message in found:
            message.visible_at = now + visibility
            self._note(now, "received again", message, worker)
        self._attempts[name] = Attempt(attempt.at, {each.id: (each.receipt, each.visible_at) for each in found})
        return found

    def _take(self, message: Stored, visibility: float, now: float) -> None:
        message.receives += 1
        message.receipt = f"{message.id}#{message.sequence}#{message.receives}#{'r' * 80}"
        message.visible_at, message.received_at, message.noticed = now + visibility, now, False
        message.first_received_at = message.first_received_at or now

    def _redriven(self, message: Stored, now: float) -> bool:
        """Move a message that was received as often as it may be; tell whether it was moved."""
        attempts, target = self.settings.attempts, self.find(self.settings.dead_letters or "")
        if attempts is None or target is None or message.receives < attempts:
            return False
        del self.stored[message.id]
        self._note(now, "moved", message, detail=target.name)
        moved = attrs.evolve(message, receipt="", visible_at=now, dead_letter_source=ARN + self.name)
        if target.fifo:
            moved.sent_at, moved.deduplication_id = now, message.id
        target.send(moved, now)
        return True

    def _message_of(self, receipt: str) -> Stored | None:
        message_id, *rest = receipt.split("#")
        if len(rest) != 3:
            raise Refusal("ReceiptHandleIsInvalid", f'The input receipt handle "{receipt}" is not a valid one.', 404)
        return self.stored.get(message_id)

    def _check_change(self, message: Stored | None, receipt: str, seconds: float, now: float) -> Stored:
        if message is not None and self.fifo and not (message.receipt == receipt and message.in_flight(now)):
            raise _expired(receipt)
        if message is None or message.receipt != receipt:
            reason = "Message does not exist or is not available for visibility timeout change."
            raise Refusal(INVALID, f"Value {receipt} for parameter ReceiptHandle is invalid. Reason: {reason}")
        if not message.in_flight(now):
            raise Refusal(NOT_IN_FLIGHT, "The message referred to isn't in flight.")
        if now + seconds > message.received_at + LONGEST_VISIBILITY:
            reason = f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST_VISIBILITY} seconds]"
            raise Refusal(INVALID, f"Value {seconds} for parameter VisibilityTimeout is invalid. Reason: {reason}")
        return message

    def _note(self, now: float, what: str, message: Stored, worker: str = "", detail: str = "") -> None:
        self.history.append(Event(now, what, message.id, worker, message.receives, detail[:_DETAIL]))


def new_message(message_id: str, body: str, now: float, delay: float = 0) -> Stored:
    """Return a message that no queue has seen yet."""
    return Stored(message_id, body, hashlib.md5(body.encode()).hexdigest(), 0, now, now + delay)


def _expired(receipt: str) -> Refusal:
    reason = "The receipt handle has expired."
    return Refusal(INVALID, f"Value {receipt} for parameter ReceiptHandle is invalid. Reason: {reason}")
