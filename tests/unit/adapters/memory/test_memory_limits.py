"""Queues and topics in memory refuse what SQS and SNS refuse, so that what passes here passes there."""

import re
from typing import Any

import pytest

from loafer.adapters.memory.queue import MemoryQueue
from loafer.adapters.memory.topic import MemoryTopic
from loafer.domain.message import Attribute, OutgoingMessage

ELEVEN = {str(number): Attribute("x") for number in range(11)}


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (OutgoingMessage(""), "the body is empty; give it one character at least"),
        (OutgoingMessage("x", delay=901), "delay=901 is out of range; give 0 to 900 seconds"),
        (OutgoingMessage("x", delay=-5), "delay=-5 is out of range; give 0 to 900 seconds"),
        (OutgoingMessage("a\0"), "the body holds U+0000 at character 1, which no message may hold; encode it"),
        (OutgoingMessage("x", {"a": Attribute("\ufffe")}), "attribute 'a' holds U+FFFE at character 0"),
        (OutgoingMessage("x", ELEVEN), "it has 11 attributes; give it 10 at most"),
        (OutgoingMessage("x" * 1_048_577), "body and attributes are 1048577 bytes; give it 1048576 at most"),
    ],
)
def test_a_queue_refuses_what_sqs_refuses_and_nothing_is_sent(message: OutgoingMessage, why: str) -> None:
    queue = MemoryQueue("orders")
    with pytest.raises(ValueError, match=f"^queue 'orders' does not take the message: {re.escape(why)}"):
        queue.send(message)
    assert len(queue) == 0


def test_a_fifo_queue_s_messages_have_no_delay_of_their_own() -> None:
    queue = MemoryQueue("orders.fifo")
    with pytest.raises(ValueError, match="delay=3: messages of a FIFO queue have no delay of their own; give none"):
        queue.send(OutgoingMessage("x", group="g", delay=3))


def test_a_topic_refuses_what_sns_refuses_and_sends_to_nobody() -> None:
    topic, queue = MemoryTopic("news"), MemoryQueue("orders")
    topic.subscribe(queue)
    for message in (OutgoingMessage(""), OutgoingMessage("x" * 262_145), OutgoingMessage("x", ELEVEN)):
        with pytest.raises(ValueError, match="topic 'news' does not take the message"):
            topic.send(message)
    assert len(queue) == 0


def test_what_is_at_the_limits_is_taken() -> None:
    queue = MemoryQueue("orders", visibility_timeout=43_200, max_receive_count=1)
    queue.send(OutgoingMessage("é" * 524_288, delay=900))
    assert len(queue) == 1


def test_what_moves_from_another_queue_is_not_looked_at_again() -> None:
    queue = MemoryQueue("dead")
    queue.send(OutgoingMessage(""), "orders-1")
    assert len(queue) == 1


@pytest.mark.parametrize(
    "wrong", [{"visibility_timeout": -1}, {"visibility_timeout": 43_201}, {"max_receive_count": 0}]
)
def test_a_queue_that_sqs_would_not_have_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^queue 'orders': {next(iter(wrong))}="):
        MemoryQueue("orders", **wrong)
