"""The queue in memory, its broker and its publisher, by example."""

import asyncio
import threading
from collections.abc import Callable
from time import time as epoch

import attrs
import pytest

from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.publisher import MemoryPublisher
from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.batch import Failure
from loafer.domain.limits import DEDUPLICATION_INTERVAL, LONGEST_VISIBILITY
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import ConfigurationError, PublisherError
from loafer.testing.contracts.world import is_lost


@attrs.define
class Time:
    """A clock that a test moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def order(body: str, deduplication_id: str | None = None, group: str = "g") -> OutgoingMessage:
    return OutgoingMessage(body, group=group, deduplication_id=deduplication_id)


def bodies(queue: MemoryQueue) -> list[str]:
    return [message.body for message in queue.visible]


def test_a_second_message_of_a_deduplication_id_is_taken_for_the_first(time: Time) -> None:
    queue = MemoryQueue("orders.fifo", clock=time)
    first = queue.send(order("first", "d"))
    assert queue.send(order("second", "d")) == first
    assert queue.send(order("other", "e")) != first
    assert bodies(queue) == ["first", "other"]


def test_deduplication_outlives_the_message_and_ends_after_five_minutes(time: Time) -> None:
    queue = MemoryQueue("orders.fifo", clock=time)
    first = queue.send(order("first", "d"))
    [message] = queue.receive(1)
    queue.delete(message.receipt)
    time.now = DEDUPLICATION_INTERVAL - 1
    assert queue.send(order("second", "d")) == first
    time.now = DEDUPLICATION_INTERVAL
    assert queue.send(order("third", "d")) != first
    time.now = DEDUPLICATION_INTERVAL + 1
    queue.send(order("fourth", "d"))
    assert bodies(queue) == ["third"]


def test_deduplication_ids_are_forgotten_after_five_minutes(time: Time) -> None:
    queue = MemoryQueue("orders.fifo", clock=time)
    for number in range(1000):
        time.now += 1
        queue.send(order("x", str(number)))
    assert len(queue._deduplication._seen) == DEDUPLICATION_INTERVAL


def test_deduplication_ids_hold_within_a_group_where_the_queue_says_so(time: Time) -> None:
    queue = MemoryQueue("orders.fifo", clock=time, deduplication_scope="messageGroup")
    for group in "ghg":
        queue.send(OutgoingMessage(group, group=group, deduplication_id="d"))
    assert bodies(queue) == ["g", "h"]


def test_a_copy_that_another_consumer_moved_and_one_that_the_queue_redrives_are_one(time: Time) -> None:
    letters = MemoryQueue("dead.fifo", clock=time)
    queue = MemoryQueue("orders.fifo", 1, 1, letters, time)
    queue.send(order("bad", "d"))
    [bad] = queue.receive(1)
    stale = attrs.evolve(bad, receipt="of a consumer that died before it deleted the message")
    assert queue.move(stale)
    time.now = 1
    assert queue.receive(1) == []
    [letter] = letters.receive(10)
    assert (letter.body, letter.deduplication_id) == ("bad", bad.id)
    assert letter.id != bad.id, "only SQS itself can carry the id over"


def test_messages_without_a_deduplication_id_and_those_of_a_standard_queue_are_all_taken(time: Time) -> None:
    fifo, standard = MemoryQueue("orders.fifo", clock=time), MemoryQueue("orders", clock=time)
    for body in ("first", "second"):
        fifo.send(order(body))
        standard.send(order(body, "d"))
    assert bodies(fifo) == bodies(standard) == ["first", "second"]


def test_a_delayed_message_is_shown_when_its_time_has_come(time: Time) -> None:
    queue = MemoryQueue("orders", clock=time)
    queue.send(OutgoingMessage("later", delay=10))
    assert queue.receive(1) == []
    assert (queue.visible, queue.in_flight, len(queue), queue.next_visible()) == ([], [], 1, 10)
    time.now = 10
    assert [message.body for message in queue.receive(1)] == ["later"]


def test_a_message_goes_to_the_dead_letter_queue_as_it_is_and_under_its_own_id(time: Time) -> None:
    letters = MemoryQueue("dead.fifo", clock=time)
    queue = MemoryQueue("orders.fifo", 5, 2, letters, time)
    message_id = queue.send(order("bad", "d"))
    queue.send(order("good", "e"))
    for _ in range(2):
        queue.receive(1)
        time.now += 5
    assert [message.body for message in queue.receive(1)] == ["good"]
    [letter] = letters.receive(1)
    assert (letter.id, letter.body, letter.group, letter.deduplication_id) == (message_id, "bad", "g", message_id)
    assert letter.receive_count == 1
    assert queue.counts["dead_lettered"] == 1


def test_a_dead_letter_is_not_delayed_again(time: Time) -> None:
    letters = MemoryQueue("dead", clock=time)
    queue = MemoryQueue("orders", 1, 1, letters, time)
    queue.send(OutgoingMessage("bad", delay=10))
    time.now = 10
    queue.receive(1)
    time.now = 11
    queue.receive(1)
    assert bodies(letters) == ["bad"]


def test_a_dead_letter_is_not_lost_because_one_of_its_deduplication_id_came_before(time: Time) -> None:
    letters = MemoryQueue("dead.fifo", clock=time)
    queue = MemoryQueue("orders.fifo", 1, 1, letters, time)
    letters.send(order("earlier", "d"))
    queue.send(order("bad", "d"))
    queue.receive(1)
    time.now = 1
    assert queue.receive(1) == []
    assert bodies(letters) == ["earlier", "bad"]


async def test_without_a_dead_letter_queue_a_message_stays_however_often_it_is_delivered(time: Time) -> None:
    queue = MemoryQueue("orders", 5, max_receive_count=2, clock=time)
    assert (await MemoryConsumer(queue).open()).max_receive_count is None
    queue.send(OutgoingMessage("bad"))
    for count in range(1, 5):
        assert [message.receive_count for message in queue.receive(1)] == [count]
        time.now += 5


def test_a_receipt_deletes_until_the_message_is_received_again(time: Time) -> None:
    queue = MemoryQueue("orders", 5, clock=time)
    for body in "12":
        queue.send(OutgoingMessage(body))
    first, second = queue.receive(2)
    time.now = 5
    [again] = queue.receive(1)
    assert again.id == first.id
    queue.delete(second.receipt)
    assert queue.receive(1) == []
    queue.delete(first.receipt)
    assert len(queue) == 1


def test_a_fifo_queue_refuses_to_delete_a_message_whose_lease_has_ended(time: Time) -> None:
    queue = MemoryQueue("orders.fifo", 5, clock=time)
    queue.send(order("1"))
    [first] = queue.receive(1)
    time.now = 5
    assert not queue.delete(first.receipt)
    [again] = queue.receive(1)
    assert not queue.delete(first.receipt)
    assert queue.delete(again.receipt)
    assert queue.delete(again.receipt)
    assert len(queue) == 0


async def test_what_is_moved_too_late_from_a_fifo_queue_is_on_both_as_on_sqs(time: Time) -> None:
    letters = MemoryQueue("dead.fifo", clock=time)
    queue = MemoryQueue("orders.fifo", 5, 9, letters, time)
    queue.send(order("1"))
    [message] = queue.receive(1)
    time.now = 5
    assert is_lost(await MemoryConsumer(queue).dead_letter(message))
    assert len(queue) == len(letters) == 1


def test_nobody_keeps_a_message_for_more_than_12_hours_from_its_receipt(time: Time) -> None:
    queue = MemoryQueue("orders", 30, clock=time)
    queue.send(OutgoingMessage("1"))
    [message] = queue.receive(1)
    time.now = 10
    assert not queue.change_visibility(message.receipt, LONGEST_VISIBILITY)
    assert not queue.change_visibility(message.receipt, LONGEST_VISIBILITY - 9)
    assert queue.change_visibility(message.receipt, LONGEST_VISIBILITY - 10)
    time.now = LONGEST_VISIBILITY
    [message] = queue.receive(1)
    assert queue.change_visibility(message.receipt, LONGEST_VISIBILITY)


def test_a_message_that_is_moved_twice_is_there_once(time: Time) -> None:
    queue = MemoryQueue("dead", clock=time)
    for _ in range(2):
        assert queue.send(OutgoingMessage("bad"), "orders-1") == "orders-1"
    [letter] = queue.receive(10)
    queue.delete(letter.receipt)
    assert len(queue) == 0


def test_hiding_a_message_twice_shows_it_once(time: Time) -> None:
    queue = MemoryQueue("orders", 30, clock=time)
    queue.send(OutgoingMessage("once"))
    [message] = queue.receive(1)
    for _ in range(2):
        assert queue.change_visibility(message.receipt, 10)
    time.now = 10
    assert len(queue.receive(10)) == 1


def test_a_message_for_a_fifo_queue_needs_a_group() -> None:
    with pytest.raises(ValueError, match=r"^queue 'orders.fifo' does not take the message: it has no group, .* need a"):
        MemoryQueue("orders.fifo").send(OutgoingMessage("x"))


async def test_a_consumer_that_waits_is_woken_by_another_thread() -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)  # refuses what is not thread-safe
    clock = loop.time
    queue = MemoryQueue("orders", clock=clock)
    receiving = asyncio.create_task(MemoryConsumer(queue, wait_time=20).receive(10))
    await asyncio.sleep(1)
    sending = threading.Thread(target=queue.send, args=[OutgoingMessage("here")])
    sending.start()
    sending.join()
    [message] = await receiving
    assert message.body == "here"
    assert clock() == pytest.approx(1)


async def test_a_consumer_that_waits_is_there_when_a_message_becomes_visible(clock: Callable[[], float]) -> None:
    queue = MemoryQueue("orders", visibility_timeout=7, clock=clock)
    queue.send(OutgoingMessage("again"))
    consumer = MemoryConsumer(queue, wait_time=20)
    await consumer.receive(1)
    [message] = await consumer.receive(1)
    assert message.receive_count == 2
    assert clock() == pytest.approx(7)


async def test_each_of_several_waiting_consumers_gets_its_own_message(clock: Callable[[], float]) -> None:
    queue = MemoryQueue("orders", clock=clock)
    receiving = [asyncio.create_task(MemoryConsumer(queue, wait_time=20).receive(1)) for _ in range(3)]
    await asyncio.sleep(1)
    for number in range(3):
        queue.send(OutgoingMessage(str(number)))
    found = await asyncio.gather(*receiving)
    assert sorted(message.body for messages in found for message in messages) == ["0", "1", "2"]


async def test_a_message_and_a_cancellation_at_once_lose_nothing(caplog: pytest.LogCaptureFixture) -> None:
    queue = MemoryQueue("orders")
    receiving = asyncio.create_task(MemoryConsumer(queue, wait_time=20).receive(1))
    await asyncio.sleep(1)
    queue.send(OutgoingMessage("here"))
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    await asyncio.sleep(1)
    assert bodies(queue) == ["here"]
    assert not caplog.records


async def test_a_change_between_the_look_and_the_wait_is_not_missed() -> None:
    queue = MemoryQueue("orders")
    changes = queue.changes
    queue.send(OutgoingMessage("in between"))
    await queue.changed(changes)


def test_where_nobody_gives_it_a_clock_a_queue_tells_when_a_message_was_sent_as_sqs_does() -> None:
    queue = MemoryBroker().queue("orders")
    queue.send(OutgoingMessage("1"))
    [message] = queue.receive(1)
    assert message.sent_at == pytest.approx(epoch(), abs=60)


def test_a_broker_has_one_queue_a_name(time: Time) -> None:
    broker = MemoryBroker(time)
    queue = broker.queue("memory://orders.fifo")
    assert broker.queue("orders.fifo") is queue
    assert broker.queue("memory://others") is not queue
    assert (queue.name, queue.fifo, queue.clock) == ("orders.fifo", True, time)


def test_a_broker_s_consumer_knows_the_wait_time_and_the_batch_size() -> None:
    broker = MemoryBroker()
    consumer = broker.consumer(
        "memory://orders", {"WaitTimeSeconds": 1, "MaxNumberOfMessages": 2, "VisibilityTimeout": 3}
    )
    assert (consumer.queue, consumer.wait_time, consumer.batch_size) == (broker.queue("orders"), 1, 2)


def test_a_broker_s_consumer_refuses_what_is_no_option_of_sqs() -> None:
    told = "consumer option WaitTime: unknown; the nearest known one is WaitTimeSeconds"
    with pytest.raises(ConfigurationError, match=told):
        MemoryBroker().consumer("memory://orders", {"WaitTime": 1})


async def test_a_publisher_says_which_messages_the_queue_refused() -> None:
    queue = MemoryQueue("orders.fifo")
    publisher = MemoryPublisher(queue)
    message_id, failure = await publisher.publish_batch([order("fine"), OutgoingMessage("no group")])
    assert isinstance(failure, Failure)
    assert not failure.retryable
    assert [message.id for message in queue.receive(10)] == [message_id]
    with pytest.raises(PublisherError, match="messages of a FIFO queue need a group id"):
        await publisher.publish(OutgoingMessage("no group"))
