"""The rules of the strict endpoint's queues: SQS's own, on a clock that the test sets."""

import itertools

import attrs
import pytest
from strict.attributes import ARN, settings_of
from strict.stored import INVALID, NOT_IN_FLIGHT, Refusal, Stored
from strict.strict_queue import StrictQueue, new_message

_ids = (f"id-{number}" for number in itertools.count(1))


@attrs.define
class Rig:
    """A queue and what the time is on it."""

    queue: StrictQueue
    now: float = 1000.0

    def send(self, body: str, group: str | None = None, deduplication_id: str | None = None, delay: float = 0) -> str:
        message = new_message(next(_ids), body, self.now, delay)
        message.group, message.deduplication_id = group, deduplication_id or message.id
        return self.queue.send(message, self.now).id

    def take(self, limit: int = 10, visibility: float = 30) -> list[Stored]:
        """Receive; what is returned does not change with the queue."""
        return [attrs.evolve(message) for message in self.queue.receive(limit, visibility, self.now)]

    def bodies(self, limit: int = 10) -> list[str]:
        return [message.body for message in self.take(limit)]

    def delete(self, message: Stored) -> None:
        self.queue.delete(message.receipt, self.now)

    def change(self, message: Stored, seconds: float) -> None:
        self.queue.change_visibility(message.receipt, seconds, self.now)

    @property
    def past(self) -> list[str]:
        return [event.what for event in self.queue.history]


def rig(name: str = "orders", attempts: int | None = None, **attributes: str) -> Rig:
    fifo = name.endswith(".fifo")
    settings = settings_of(name, ({"FifoQueue": "true"} if fifo else {}) | attributes)
    dead = StrictQueue("dead.fifo" if fifo else "dead", settings)
    settings = attrs.evolve(settings, attempts=attempts, dead_letters=dead.name if attempts else None)
    return Rig(StrictQueue(name, settings, {dead.name: dead}.get))


def dead_letters(of: Rig) -> Rig:
    queue = of.queue.find(of.queue.settings.dead_letters or "")
    assert queue is not None
    return Rig(queue, of.now)


def test_a_received_message_is_hidden_until_its_lease_ends_and_counted_again() -> None:
    orders = rig()
    orders.send("a")
    [first] = orders.take()
    orders.now += 29
    assert orders.take() == []
    orders.now += 1
    [second] = orders.take()
    assert (first.receives, second.receives) == (1, 2)
    assert first.receipt != second.receipt
    assert orders.past == ["sent", "received", "expired", "received"]


def test_a_delayed_message_is_hidden_and_not_in_flight() -> None:
    orders = rig()
    orders.send("a", delay=5)
    assert orders.take() == []
    assert orders.queue.counts(orders.now) == {"visible": 0, "in_flight": 0, "delayed": 1}
    orders.now += 5
    assert orders.bodies() == ["a"]


def test_a_standard_queue_deletes_by_the_newest_receipt_even_if_expired_and_takes_an_old_one_in_silence() -> None:
    orders = rig()
    orders.send("a")
    [old] = orders.take()
    orders.now += 31
    [new] = orders.take()
    orders.delete(old)
    assert len(orders.queue.stored) == 1
    orders.now += 31
    orders.delete(new)
    orders.delete(new)
    assert not orders.queue.stored


def test_a_fifo_queue_refuses_to_delete_by_an_expired_receipt() -> None:
    orders = rig("orders.fifo")
    orders.send("a", "g")
    [old] = orders.take()
    orders.now += 31
    with pytest.raises(Refusal, match="The receipt handle has expired") as refused:
        orders.delete(old)
    assert refused.value.code == INVALID
    [new] = orders.take()
    with pytest.raises(Refusal):
        orders.delete(old)
    orders.delete(new)
    orders.delete(new)
    assert not orders.queue.stored


@pytest.mark.parametrize(("name", "code"), [("orders", NOT_IN_FLIGHT), ("orders.fifo", INVALID)])
def test_the_visibility_of_what_is_not_in_flight_is_not_changed(name: str, code: str) -> None:
    orders = rig(name)
    orders.send("a", "g")
    [old] = orders.take()
    orders.now += 31
    with pytest.raises(Refusal) as refused:
        orders.change(old, 30)
    assert refused.value.code == code
    [new] = orders.take()
    with pytest.raises(Refusal) as refused:
        orders.change(old, 0)
    assert refused.value.code == INVALID
    orders.delete(new)
    with pytest.raises(Refusal) as refused:
        orders.change(new, 30)
    assert refused.value.code == INVALID


def test_a_receipt_that_never_was_one_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        rig().queue.delete("nonsense", 0)
    assert refused.value.code == "ReceiptHandleIsInvalid"


def test_twelve_hours_are_counted_from_the_receive() -> None:
    orders = rig()
    orders.send("a")
    [message] = orders.take()
    orders.change(message, 43_200)
    orders.now += 10
    with pytest.raises(Refusal, match="Total VisibilityTimeout for the message is beyond the limit") as refused:
        orders.change(message, 43_191)
    assert refused.value.code == INVALID
    orders.change(message, 43_190)
    orders.change(message, 0)
    [again] = orders.take()
    orders.change(again, 43_200)


def attempted(queue: Rig, visibility: float = 30) -> list[Stored]:
    """Receive by one and the same attempt."""
    return [attrs.evolve(each) for each in queue.queue.receive(10, visibility, queue.now, attempt="once")]


def test_an_attempt_that_is_repeated_brings_the_same_messages_and_hides_them_anew() -> None:
    queue = rig("orders.fifo")
    assert attempted(queue) == []
    queue.send("a", "g")
    [first] = attempted(queue)
    queue.now += 20
    [second] = attempted(queue)
    assert (first.id, first.receipt, first.receives) == (second.id, second.receipt, second.receives)
    queue.now += 20
    assert queue.take() == []
    queue.delete(second)


@pytest.mark.parametrize("change", ["deleted", "extended", "given back", "received by others", "five minutes old"])
def test_one_whose_messages_have_changed_is_refused(change: str) -> None:
    queue = rig("orders.fifo")
    queue.send("a", "g")
    [message] = attempted(queue, 1000)
    match change:
        case "deleted":
            queue.delete(message)
        case "extended":
            queue.change(message, 20)
        case "given back":
            queue.change(message, 0)
        case "received by others":
            queue.change(message, 0)
            queue.take(visibility=1000)
        case _:
            queue.now += 300
    with pytest.raises(Refusal, match="not retryable"):
        attempted(queue)


def test_a_group_gives_nothing_while_one_of_its_messages_is_in_flight() -> None:
    orders = rig("orders.fifo")
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")):
        orders.send(body, group)
    [first] = orders.take(1)
    assert orders.bodies() == ["b1"]
    orders.delete(first)
    assert orders.bodies() == ["a2", "a3"]


def test_a_head_that_comes_back_comes_before_its_followers() -> None:
    orders = rig("orders.fifo")
    orders.send("1", "g")
    orders.send("2", "g")
    head, follower = orders.take()
    orders.change(head, 0)
    assert orders.bodies() == []
    orders.change(follower, 0)
    assert orders.bodies() == ["1", "2"]
    orders.now += 31
    assert orders.bodies(1) == ["1"]


def test_a_repeated_deduplication_id_is_answered_with_the_first_ones_id_for_five_minutes() -> None:
    orders = rig("orders.fifo")
    first = orders.send("a", "g", "same")
    [message] = orders.take()
    orders.delete(message)
    orders.now += 299
    assert orders.send("b", "h", "same") == first
    assert not orders.queue.stored
    orders.now += 1
    assert orders.send("c", "g", "same") != first
    assert orders.bodies() == ["c"]


def test_deduplication_by_group_knows_an_id_in_its_own_group_alone() -> None:
    orders = rig("orders.fifo", DeduplicationScope="messageGroup")
    first = orders.send("a", "g", "same")
    assert orders.send("b", "h", "same") != first
    assert orders.send("c", "g", "same") == first


def test_a_message_received_as_often_as_it_may_be_moves_at_the_next_receive() -> None:
    orders = rig(attempts=2)
    sent_at, message_id = orders.now, orders.send("a")
    for _ in range(2):
        assert orders.bodies() == ["a"]
        orders.now += 31
    assert orders.bodies() == []
    assert orders.past[-1] == "moved"
    [dead] = dead_letters(orders).take()
    assert (dead.id, dead.receives, dead.sent_at, dead.dead_letter_source) == (message_id, 3, sent_at, ARN + "orders")


def test_what_a_fifo_queue_moves_is_deduplicated_by_its_message_id_and_its_followers_go_on() -> None:
    orders = rig("orders.fifo", attempts=1)
    message_id = orders.send("1", "g", "same")
    orders.send("2", "g")
    orders.take(1)
    orders.now += 31
    dead = dead_letters(orders)
    dead.send("other", "g", "same")
    assert orders.bodies() == ["2"]
    [other, moved] = dead.take()
    assert (other.body, moved.id, moved.deduplication_id) == ("other", message_id, message_id)
    assert moved.sent_at == orders.now


def test_a_queue_is_purged_once_a_minute() -> None:
    orders = rig()
    orders.send("a")
    orders.queue.purge(orders.now)
    assert orders.take() == []
    with pytest.raises(Refusal):
        orders.queue.purge(orders.now + 59)
    orders.queue.purge(orders.now + 60)


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("orders", {"VisibilityTimeout": "43201"}),
        ("orders", {"Visibility": "1"}),
        ("orders", {"ContentBasedDeduplication": "true"}),
        ("orders", {"RedrivePolicy": '{"maxReceiveCount": 0, "deadLetterTargetArn": "arn:aws:sqs:us-east-1:0:dead"}'}),
        ("orders", {"RedrivePolicy": "no JSON"}),
        ("orders.fifo", {}),
    ],
)
def test_attributes_that_sqs_does_not_know_are_refused(name: str, attributes: dict[str, str]) -> None:
    with pytest.raises(Refusal):
        settings_of(name, attributes)
