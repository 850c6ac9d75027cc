"""All that is found of a set-up, line by line and in its order: what `loafer check` shows of it."""

import attrs
import pytest
from test_survey import BROKEN, DEAD, ORDERS, PLAIN_WORLD, SOUND, found, source, world

from loafer.application.survey import Survey
from loafer.domain.checks.finding import Level
from loafer.domain.facts import Place, TopicFacts
from loafer.domain.uses import Destination, Uses
from loafer.exceptions import AccessDenied

NAMED = ("OK", "orders", "standard, VT 30 s, SSE-SQS, 812 waiting")
MOVED = [("OK", "redrive policy", "to orders-dlq after 5 receives"), ("OK", "maxReceiveCount", "5")]
KEPT = ("OK", "retention", "orders 4 d, orders-dlq 14 d")
HANDLED = [
    ("OK", "visibility", "30 s, extended while handlers run"),
    ("OK", "handler time", "p99 0.2 s (from the last status snapshot), VT 30 s"),
]
ALLOWED = [
    ("OK", "permissions", "sqs:DeleteMessage, sqs:ChangeMessageVisibility: allowed"),
    ("?", "permissions", "sqs:ReceiveMessage: never called here, for it costs messages a receive"),
]
MOVING = "never called here, for it would send; loafer iam has it"
PLACED = [
    ("OK", "clock", "0.2 s ahead"),
    ("OK", "endpoint", "region eu-west-1, https://sqs.eu-west-1.amazonaws.com"),
    ("OK", "stop", "2 s + 8 s"),
]
SEEN: dict[str, list[tuple[str, str, str]]] = {
    "standard": [
        *(NAMED, *MOVED, KEPT, *HANDLED, *ALLOWED),
        ("?", "permissions", f"sqs:SendMessage on orders-dlq: {MOVING}"),
        *PLACED,
    ],
    "fifo": [
        ("OK", "pay.fifo", "FIFO, VT 30 s, SSE-SQS, 812 waiting"),
        (
            "OK",
            "throughput",
            "DeduplicationScope=queue, FifoThroughputLimit=perQueue: 300 calls a second of each kind",
        ),
        ("OK", "redrive policy", "to pay-dlq.fifo after 5 receives"),
        ("OK", "maxReceiveCount", "5"),
        ("OK", "retention", "pay.fifo 4 d, pay-dlq.fifo 14 d"),
        *(*HANDLED, *ALLOWED),
        ("?", "permissions", f"sqs:SendMessage on pay-dlq.fifo: {MOVING}"),
        *PLACED,
    ],
    "enveloped": [
        *(NAMED, *MOVED, KEPT, *HANDLED),
        ("OK", "topic news", "in envelopes, read by SNSMessageTranslator"),
        *(*ALLOWED, *PLACED),
    ],
    "raw": [
        *(NAMED, *MOVED, KEPT, *HANDLED),
        ("OK", "topic news", "raw, read by SQSMessageTranslator"),
        ("OK", "filter policy", 'of news, what does not fit never comes: {"type": ["order"]}'),
        *(*ALLOWED, *PLACED),
    ],
    "a dead-letter queue that may not be read": [
        *(NAMED, *MOVED),
        ("?", "retention", "orders-dlq may not be read: its retention is not known"),
        *(*HANDLED, *ALLOWED, *PLACED),
    ],
    "no subscription": [
        *(NAMED, *MOVED, KEPT, *HANDLED),
        ("WARN", "subscriptions", "none, though SNSMessageTranslator expects one; subscribe it"),
        *(*ALLOWED, *PLACED),
    ],
    "subscriptions that may not be read": [
        *(NAMED, *MOVED, KEPT, *HANDLED),
        ("?", "subscriptions", "sns:ListSubscriptionsByTopic"),
        *(*ALLOWED, *PLACED),
    ],
    "the queue may not be found": [("ERROR", "permissions", "sqs:GetQueueUrl: denied"), PLACED[-1]],
}


@pytest.mark.parametrize("name", SEEN)
async def test_a_set_up_is_told_in_these_lines_and_in_this_order(name: str) -> None:
    there, used = SOUND[name] if name in SOUND else BROKEN[name][:2]
    assert await found(there, used) == SEEN[name]


async def test_a_policy_that_lets_a_topic_send_without_a_subscription_is_told() -> None:
    there, used = SOUND["raw"]
    lines = await found(attrs.evolve(there, subscribed=()), used)
    assert ("WARN", "subscriptions", "none, though its policy lets a topic send; subscribe it") in lines


async def test_what_consumer_and_handlers_say_counts_before_the_queue() -> None:
    lines = await found(PLAIN_WORLD, source(visibility=45), p99={"orders": 41.0})
    assert ("OK", "visibility", "45 s, extended while handlers run") in lines
    assert ("OK", "handler time", "p99 41 s (from the last status snapshot), VT 45 s") in lines
    nothing = world(attrs.evolve(ORDERS, visibility_timeout=0), DEAD)
    assert any(line[1] == "handler time" and "VT 30 s" in line[2] for line in await found(nothing, p99={"orders": 1.0}))


async def test_what_may_be_moved_needs_to_be_sent() -> None:
    text = ("?", "permissions", f"sqs:SendMessage on orders-dlq: {MOVING}")
    assert text in await found(PLAIN_WORLD, source(explains=True))
    assert text not in await found(PLAIN_WORLD, source())
    no_letters = world(attrs.evolve(ORDERS, dead_letters=None, max_receive_count=None))
    assert not any("SendMessage" in line[2] for line in await found(no_letters, source(moves=3)))


@pytest.mark.parametrize(
    ("topic", "lines"),
    [
        (True, [("OK", "publishes to", "topic receipts")]),
        (False, [("OK", "publishes to", "queue receipts")]),
    ],
)
async def test_each_destination_is_named_by_what_it_is(topic: bool, lines: list[tuple[str, str, str]]) -> None:
    there = world(ORDERS, DEAD)
    there.topics["receipts"] = TopicFacts(name="receipts", arn="arn:receipts")
    there.there["receipts"] = attrs.evolve(DEAD, name="receipts")
    uses = Uses(grace_period=2, destinations=(Destination(place=Place(text="receipts"), topic=topic),))
    assert [line for line in await found(there, uses=uses) if line[1] == "publishes to"] == lines
    for kind in ("topics", "there"):
        getattr(there, kind)["receipts"] = AccessDenied("not allowed")
    denied = [line for line in await found(there, uses=uses) if line[1] == "publishes to"]
    assert denied == [("ERROR", "publishes to", "not allowed")]


async def test_findings_are_told_by_place_and_two_routes_of_one_place_together() -> None:
    uses = Uses(
        grace_period=2,
        sources=(source(), source(route="other")),
        destinations=(Destination(place=Place(text="https://me:s3cret@host/1/receipts"), topic=False),),
        strangers=("route 'x': its consumer is Mine",),
        threads_needed=3,
        threads=6,
    )
    of = await Survey(reader=PLAIN_WORLD).findings(uses)
    first, _, last = of
    assert (first, last) == ("orders", "worker")
    assert "s3cret" not in str(list(of))
    assert [each.about for each in of["orders"]].count("redrive policy") == 2
    worker = [(each.level, each.about) for each in of["worker"]]
    assert worker == [(Level.UNKNOWN, "consumer"), (Level.OK, "stop"), (Level.OK, "threads")]
