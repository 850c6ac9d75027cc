"""A topic in memory: who gets what, and what it refuses."""

import pytest

from loafer.adapters.memory.broker import MemoryBroker
from loafer.domain.message import Attribute, OutgoingMessage


def test_a_topic_sends_to_those_that_have_subscribed_by_then() -> None:
    broker = MemoryBroker()
    topic = broker.topic("news")
    first, second = broker.queue("first"), broker.queue("second")
    topic.subscribe(first, raw=True)
    topic.send(OutgoingMessage("one"))
    topic.subscribe(second, raw=True)
    topic.send(OutgoingMessage("two"))
    assert [sent.body for sent in first.visible] == ["one", "two"]
    assert [sent.body for sent in second.visible] == ["two"]


def test_a_broker_has_one_topic_of_a_name() -> None:
    broker = MemoryBroker()
    assert broker.topic("news") is broker.topic("news")


def test_raw_delivery_keeps_attributes() -> None:
    broker = MemoryBroker()
    broker.topic("news").subscribe(broker.queue("raw"), raw=True)
    message = OutgoingMessage("one", {"kind": Attribute("sale")})
    broker.topic("news").send(message)
    assert broker.queue("raw").visible == [message]


def test_a_fifo_topic_keeps_groups() -> None:
    broker = MemoryBroker()
    topic, queue = broker.topic("news.fifo"), broker.queue("orders.fifo")
    topic.subscribe(queue)
    topic.send(OutgoingMessage("one", group="g", deduplication_id="1"))
    topic.send(OutgoingMessage("one", group="g", deduplication_id="1"))
    assert [(sent.group, sent.deduplication_id) for sent in queue.visible] == [("g", "1")]
    with pytest.raises(ValueError, match="need a group id"):
        topic.send(OutgoingMessage("two"))


def test_a_fifo_queue_needs_a_fifo_topic() -> None:
    broker = MemoryBroker()
    with pytest.raises(ValueError, match="give it a FIFO topic"):
        broker.topic("news").subscribe(broker.queue("orders.fifo"))


def test_a_topic_has_no_delay() -> None:
    with pytest.raises(ValueError, match="a topic has no delay"):
        MemoryBroker().topic("news").send(OutgoingMessage("one", delay=3))
