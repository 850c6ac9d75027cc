"""Set-ups that are broken in one way each are found out, and nothing is found of one that is sound."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import attrs
import pytest

from loafer.application.survey import Survey
from loafer.domain.checks.topic import Subscription, Translating
from loafer.domain.checks.worker import PROBED, Probed
from loafer.domain.facts import Place, QueueFacts, TopicFacts
from loafer.domain.uses import Destination, Source, Uses
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable
from loafer.ports.reader import Reader

DAY = 86_400
SQS, SNS = "arn:aws:sqs:eu-west-1:123456789012:", "arn:aws:sns:eu-west-1:123456789012:"
ORDERS = QueueFacts(
    name="orders",
    arn=f"{SQS}orders",
    url="https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
    visibility_timeout=30,
    retention=4 * DAY,
    dead_letters=f"{SQS}orders-dlq",
    max_receive_count=5,
    managed_key=True,
    visible=812,
    endpoint="https://sqs.eu-west-1.amazonaws.com",
    region="eu-west-1",
    skew=0.2,
)
DEAD = QueueFacts(name="orders-dlq", arn=f"{SQS}orders-dlq", retention=14 * DAY, visibility_timeout=30)
STATEMENT: Mapping[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": ORDERS.arn,
    "Condition": {"ArnEquals": {"aws:SourceArn": f"{SNS}news"}},
}
BEHIND_A_TOPIC = attrs.evolve(ORDERS, statements=(STATEMENT,))
PAY = attrs.evolve(ORDERS, name="pay.fifo", arn=f"{SQS}pay.fifo", dead_letters=f"{SQS}pay-dlq.fifo")
PAY_DEAD = attrs.evolve(DEAD, name="pay-dlq.fifo", arn=f"{SQS}pay-dlq.fifo")
JSON = Translating(name="SQSMessageTranslator")
OPENS = Translating(name="SNSMessageTranslator", opens=True)
INSISTS = attrs.evolve(OPENS, insists=True)


Facts = TypeVar("Facts")


def _found(there: Mapping[str, Facts | Exception], place: Place) -> Facts:
    found = there.get(place.text.rpartition(":")[2], ConsumerError(f"queue {place.text!r} does not exist"))
    if isinstance(found, Exception):
        raise found
    return found


@attrs.define
class World(Reader):
    """What there is, as a set-up has it."""

    there: dict[str, QueueFacts | Exception] = attrs.field(factory=dict)
    topics: dict[str, TopicFacts | Exception] = attrs.field(factory=dict)
    subscribed: Sequence[Subscription] | Exception = ()
    denied: Sequence[str] = ()
    uncertain: bool = False

    async def queue(self, place: Place) -> QueueFacts:
        return _found(self.there, place)

    async def topic(self, place: Place) -> TopicFacts:
        return _found(self.topics, place)

    async def queues(self, prefix: str) -> Sequence[str]:
        return [name for name in self.there if name.startswith(prefix)]

    async def ages(self, names: Sequence[str]) -> Mapping[str, float]:
        raise NotImplementedError

    async def subscriptions(self, place: Place, queue: QueueFacts, topics: Sequence[str]) -> Sequence[Subscription]:
        if isinstance(self.subscribed, Exception):
            raise self.subscribed
        return self.subscribed

    async def probe(self, place: Place, queue: QueueFacts) -> Sequence[Probed]:
        assert place.text in self.there
        unknown = "no answer" if self.uncertain else None
        return [Probed(action, "no" if action in self.denied else None, unknown) for action in PROBED]

    async def close(self) -> None: ...


async def found(
    world: World, source: Source | None = None, uses: Uses | None = None, **how: Any
) -> list[tuple[str, str, str]]:
    """Return level, subject and text of what is found, of a worker whose stop takes ten seconds."""
    one = source or Source(place=Place(text="orders"), route="orders")
    uses = attrs.evolve(uses or Uses(), sources=(one,), grace_period=(uses or Uses(grace_period=2)).grace_period)
    survey = Survey(reader=world, **{"probes": True, "p99": {one.place.text: 0.2}, **how})
    of = await survey.findings(uses)
    return [(str(each.level), each.about, each.text) for findings in of.values() for each in findings]


def world(*queues: QueueFacts, **other: Any) -> World:
    return World({queue.name: queue for queue in queues}, **other)


NEWS = Subscription(topic=f"{SNS}news")
SOUND: dict[str, tuple[World, Source]] = {
    "standard": (world(ORDERS, DEAD), Source(place=Place(text="orders"), route="orders", moves=3)),
    "fifo": (world(PAY, PAY_DEAD), Source(place=Place(text="pay.fifo"), route="pay")),
    "enveloped": (
        world(BEHIND_A_TOPIC, DEAD, subscribed=[NEWS]),
        Source(place=Place(text="orders"), route="orders", translating=INSISTS),
    ),
    "raw": (
        world(BEHIND_A_TOPIC, DEAD, subscribed=[attrs.evolve(NEWS, raw=True, filter='{"type": ["order"]}')]),
        Source(place=Place(text="orders"), route="orders", translating=JSON),
    ),
}


@pytest.mark.parametrize("name", SOUND)
async def test_nothing_is_found_of_a_sound_set_up(name: str) -> None:
    there, source = SOUND[name]
    lines = await found(there, source)
    assert [line for line in lines if line[0] in {"WARN", "ERROR"}] == []
    assert {line[1] for line in lines if line[0] == "?"} == {"permissions"}


def with_queue(**changes: Any) -> World:
    return world(attrs.evolve(ORDERS, **changes), DEAD)


def with_dead(**changes: Any) -> World:
    return world(ORDERS, attrs.evolve(DEAD, **changes))


def with_statement(**changes: Any) -> World:
    return world(attrs.evolve(ORDERS, statements=({**STATEMENT, **changes},)), DEAD, subscribed=[NEWS])


def source(**changes: Any) -> Source:
    return attrs.evolve(Source(place=Place(text="orders"), route="orders"), **changes)


PLAIN = source()
FIFO = source(place=Place(text="pay.fifo"))
BROKEN: dict[str, tuple[World, Source, tuple[str, str, str]]] = {
    "no queue": (world(), PLAIN, ("ERROR", "queue", "does not exist")),
    "the queue may not be found": (
        World({"orders": AccessDenied("sqs:GetQueueUrl: denied")}),
        PLAIN,
        ("ERROR", "permissions", "sqs:GetQueueUrl"),
    ),
    "its attributes may not be read": (
        world(QueueFacts(name="orders", arn=ORDERS.arn, known=False)),
        PLAIN,
        ("ERROR", "permissions", "sqs:GetQueueAttributes is denied"),
    ),
    "no redrive policy": (
        with_queue(dead_letters=None, max_receive_count=None),
        PLAIN,
        ("ERROR", "redrive policy", "none: a message that always fails comes back until its retention ends (4 d)"),
    ),
    "no redrive policy for what is to be moved": (
        with_queue(dead_letters=None, max_receive_count=None),
        source(moves=3),
        ("ERROR", "redrive policy", "Retry(dead_letter_after=3) needs one: the worker does not start"),
    ),
    "no dead-letter queue": (world(ORDERS), PLAIN, ("ERROR", "redrive policy", "that cannot be read: queue")),
    "a dead-letter queue that does not let it in": (
        with_dead(takes_from=(f"{SQS}others",)),
        PLAIN,
        ("ERROR", "redrive policy", "does not let orders in"),
    ),
    "dead letters that expire": (
        with_dead(retention=4 * DAY),
        PLAIN,
        ("ERROR", "retention", "orders 4 d, orders-dlq 4 d: a message that dies after 3 d has 1 d left"),
    ),
    "dead letters that wait": (with_dead(visible=3), PLAIN, ("WARN", "orders-dlq", "3 dead letters wait")),
    "one receive": (with_queue(max_receive_count=1), PLAIN, ("WARN", "maxReceiveCount", "1: one crash dead-letters")),
    "more attempts of ours than receives": (
        PLAIN_WORLD := world(ORDERS, DEAD),
        source(moves=6),
        ("WARN", "maxReceiveCount", "SQS moves a message before Retry(dead_letter_after=6)"),
    ),
    "a short retention": (with_queue(retention=3600), PLAIN, ("WARN", "retention", "1 h: what waits for longer")),
    "a short visibility timeout": (with_queue(visibility_timeout=2), PLAIN, ("WARN", "visibility", "2 s: a pause")),
    "a short one of the consumer": (PLAIN_WORLD, source(visibility=5), ("WARN", "visibility", "5 s: a pause")),
    "a long visibility timeout": (
        with_queue(visibility_timeout=7200),
        PLAIN,
        ("WARN", "visibility", "2 h: what a crashed worker had comes back only then"),
    ),
    "a clock that is wrong": (with_queue(skew=-61.0), PLAIN, ("WARN", "clock", "61.0 s behind")),
    "a clock that nobody believes": (with_queue(skew=1000.0), PLAIN, ("ERROR", "clock", "AWS refuses what is signed")),
    "an endpoint that can be listened to": (
        with_queue(endpoint="http://sqs.example.com"),
        PLAIN,
        ("WARN", "endpoint", "use https://"),
    ),
    "a FIFO queue with a standard dead-letter queue": (
        world(attrs.evolve(PAY, dead_letters=f"{SQS}orders-dlq"), DEAD),
        FIFO,
        ("ERROR", "redrive policy", "the dead-letter queue of a FIFO queue is FIFO"),
    ),
    "half of a high throughput": (
        world(attrs.evolve(PAY, deduplication_scope="messageGroup"), PAY_DEAD),
        FIFO,
        ("WARN", "throughput", "high throughput needs messageGroup and perMessageGroupId, both"),
    ),
    "envelopes that nobody opens": (
        world(BEHIND_A_TOPIC, DEAD, subscribed=[NEWS]),
        source(translating=JSON),
        ("ERROR", "topic news", "SQSMessageTranslator: use loafer.aws.message_translator.SNSMessageTranslator, or raw"),
    ),
    "raw delivery where envelopes are checked": (
        world(BEHIND_A_TOPIC, DEAD, subscribed=[attrs.evolve(NEWS, raw=True)]),
        source(translating=INSISTS),
        ("ERROR", "topic news", "switch raw delivery off"),
    ),
    "no subscription": (
        world(ORDERS, DEAD),
        source(translating=OPENS),
        ("WARN", "subscriptions", "SNSMessageTranslator expects one"),
    ),
    "subscriptions that may not be read": (
        world(BEHIND_A_TOPIC, DEAD, subscribed=AccessDenied("sns:ListSubscriptionsByTopic")),
        source(translating=OPENS),
        ("?", "subscriptions", "sns:ListSubscriptionsByTopic"),
    ),
    "a policy that lets any topic": (
        with_statement(Condition={}),
        source(translating=OPENS),
        ("WARN", "queue policy", "for any topic of anybody; add a condition on aws:SourceArn"),
    ),
    "a policy that lets another topic": (
        with_statement(Condition={"ArnLike": {"aws:SourceArn": f"{SNS}other*"}}),
        source(translating=OPENS),
        ("ERROR", "queue policy", "it does not let news send"),
    ),
    "a policy that lets everybody": (
        with_statement(Principal="*", Condition={}),
        source(translating=OPENS),
        ("WARN", "queue policy", "it lets everybody send"),
    ),
    "a key that SNS may not use": (
        world(attrs.evolve(BEHIND_A_TOPIC, key="alias/aws/sqs"), DEAD, subscribed=[NEWS]),
        source(translating=OPENS),
        ("ERROR", "encryption", "SNS may not use AWS's own key"),
    ),
    "no permission to delete": (
        world(ORDERS, DEAD, denied=["sqs:DeleteMessage"]),
        PLAIN,
        ("ERROR", "permissions", "sqs:DeleteMessage is denied; allow it"),
    ),
    "no permission to change the visibility": (
        world(ORDERS, DEAD, denied=["sqs:ChangeMessageVisibility"]),
        PLAIN,
        ("ERROR", "permissions", "sqs:ChangeMessageVisibility is denied; allow it"),
    ),
    "no answer to a probe": (world(ORDERS, DEAD, uncertain=True), PLAIN, ("?", "permissions", "no answer")),
    "a dead-letter queue that does not answer": (
        World({"orders": ORDERS, "orders-dlq": ConsumerUnavailable("queue 'orders-dlq' cannot be reached for now")}),
        PLAIN,
        ("?", "retention", "of the dead-letter queue: queue 'orders-dlq' cannot be reached for now"),
    ),
    "a dead-letter queue that may not be read": (
        World({"orders": ORDERS, "orders-dlq": AccessDenied("no")}),
        PLAIN,
        ("?", "retention", "orders-dlq may not be read"),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_broken_is_found_and_what_would_be_right_is_said(name: str) -> None:
    there, used, (level, about, text) = BROKEN[name]
    lines = await found(there, used)
    assert [line for line in lines if line[:2] == (level, about) and text in line[2]] != [], lines
    assert len({line for line in lines if line[0] in {"WARN", "ERROR"}}) <= 2


@pytest.mark.parametrize(
    ("grace", "given", "level", "text"),
    [
        (2.0, None, "OK", "2 s + 8 s"),
        (20.0, None, "WARN", "docker stop kills after 10 s: --stop-timeout 30"),
        (30.0, None, "WARN", "terminationGracePeriodSeconds: 38"),
        (20.0, 30.0, "OK", "of 30 s"),
        (20.0, 10.0, "ERROR", "killed after 10 s: give it 28 s, or LOAFER_GRACE_PERIOD=2"),
    ],
)
async def test_the_stop_is_held_against_what_the_platform_gives(
    grace: float, given: float | None, level: str, text: str
) -> None:
    lines = await found(PLAIN_WORLD, uses=Uses(grace_period=grace), stop_timeout=given)
    assert [line for line in lines if line[1] == "stop" and line[0] == level and text in line[2]] != []


async def test_handlers_that_take_longer_than_the_visibility_timeout_are_told() -> None:
    [line] = [line for line in await found(PLAIN_WORLD, p99={"orders": 41.0}) if line[1] == "handler time"]
    text = "p99 41 s (from the last status snapshot), VT 30 s: fine with the heartbeat; without it, not"
    assert line == ("WARN", "handler time", text)


async def test_that_no_worker_has_handled_anything_is_told() -> None:
    [line] = [line for line in await found(PLAIN_WORLD, p99={}) if line[1] == "handler time"]
    assert line[0] == "?"


@pytest.mark.parametrize(("needed", "level"), [(6, "OK"), (12, "WARN")])
async def test_threads_are_counted(needed: int, level: str) -> None:
    lines = await found(PLAIN_WORLD, uses=Uses(grace_period=2, threads_needed=needed, threads=6))
    [line] = [line for line in lines if line[1] == "threads"]
    assert line[0] == level
    assert f"{needed} of 6 threads needed" in line[2]


async def test_without_a_probe_permissions_are_unknown_and_nothing_is_called() -> None:
    lines = await found(World({"orders": ORDERS, "orders-dlq": DEAD}), probes=False)
    assert ("?", "permissions", "sqs:DeleteMessage, sqs:ChangeMessageVisibility: not called: --probe") in lines


@pytest.mark.parametrize("topic", [True, False])
async def test_what_is_published_to_is_looked_at_too(topic: bool) -> None:
    uses = Uses(grace_period=2, destinations=(Destination(place=Place(text="receipts"), topic=topic),))
    there = world(ORDERS, DEAD)
    assert [line[0] for line in await found(there, uses=uses) if line[1] == "publishes to"] == ["ERROR"]
    there.topics["receipts"] = TopicFacts(name="receipts", arn=f"{SNS}receipts")
    there.there["receipts"] = attrs.evolve(DEAD, name="receipts")
    assert [line[0] for line in await found(there, uses=uses) if line[1] == "publishes to"] == ["OK"]


async def test_what_would_send_or_receive_is_never_called_and_said_to_be_unknown() -> None:
    unknown = {line[2].partition(":  ")[0].split(": ")[0] for line in await found(*SOUND["fifo"]) if line[0] == "?"}
    assert unknown == {"sqs:ReceiveMessage", "sqs:SendMessage on pay-dlq.fifo"}
    plain = [line[2] for line in await found(PLAIN_WORLD) if line[0] == "?"]
    assert not any("sqs:SendMessage" in text for text in plain)


async def test_a_queue_that_does_not_answer_is_an_error_and_the_rest_is_looked_at() -> None:
    lines = await found(World({"orders": ConsumerUnavailable("queue 'orders' cannot be reached for now")}))
    assert [line[:2] for line in lines] == [("ERROR", "queue"), ("OK", "stop")]


async def test_a_consumer_of_ones_own_is_told() -> None:
    lines = await found(PLAIN_WORLD, uses=Uses(grace_period=2, strangers=("route 'x': its consumer is Mine",)))
    assert ("?", "consumer", "route 'x': its consumer is Mine") in lines
