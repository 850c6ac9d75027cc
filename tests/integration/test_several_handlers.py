"""Messages of several kinds that come to one queue through a topic: each to its own handler, over the real protocol."""

import json
from pathlib import Path

import pytest
from command import Shell
from endpoints import client, create_queue, create_topic, queue_counts, send, subscribe, unique

pytestmark = pytest.mark.slow

SHOP = """
import os
from dataclasses import dataclass

from loafer import Loafer, Message, attribute, body

app = Loafer()
EVENTS, TRANSLATOR = os.environ["EVENTS"], os.environ["TRANSLATOR"]
HOW = {"translator": TRANSLATOR, "options": {"WaitTimeSeconds": 1}}


@dataclass
class Created:
    id: int


@dataclass
class Paid:
    id: int
    total: float


@dataclass
class Refund:
    kind: str
    amounts: list[int]


@app.route(EVENTS, name="created", when=attribute("type") == "order.created", **HOW)
async def created(event: Created, message: Message) -> None:
    print("created", event, message.group, flush=True)


@app.route(EVENTS, name="paid", when=attribute("type") == "order.paid", **HOW)
async def paid(event: Paid, message: Message) -> None:
    print("paid", event, message.group, flush=True)


@app.route(EVENTS, name="refund", when=body("kind").isin({"refund", "void"}), **HOW)
async def refund(event: Refund) -> None:
    print("refund", event, flush=True)


@app.route(EVENTS, name="ledger", when=body("kind").startswith("ledger."), **HOW)
def ledger(event: dict[str, str]) -> None:
    print(f"ledger {event}", flush=True)  # in one piece, for a thread prints it
"""


@pytest.fixture
def shell(tmp_path: Path, on_ministack: str, aws_environ: pytest.MonkeyPatch) -> Shell:
    shell = Shell(tmp_path)
    shell.write("shop.py", SHOP)
    return shell


async def publish(topic: str, content: object, kind: str | None = None) -> None:
    async with client("sns") as sns:
        attributes = {} if kind is None else {"type": {"DataType": "String", "StringValue": kind}}
        await sns.publish(TopicArn=topic, Message=json.dumps(content), MessageAttributes=attributes)


async def test_four_kinds_behind_a_topic_have_four_handlers_and_a_fifth_is_kept_and_told(
    shell: Shell, aws_environ: pytest.MonkeyPatch
) -> None:
    queue, topic = await create_queue(unique("events")), await create_topic(unique("news"))
    await subscribe(topic, queue)
    aws_environ.setenv("EVENTS", queue.rpartition("/")[2])
    aws_environ.setenv("TRANSLATOR", "loafer.aws.message_translator.SNSMessageTranslator")
    with shell.running("loafer run shop:app", says="route 'ledger'") as worker:
        await publish(topic, {"id": 1}, "order.created")
        await publish(topic, {"id": 2, "total": 2.5}, "order.paid")
        await publish(topic, {"kind": "void", "amounts": [3]})
        await publish(topic, {"kind": "ledger.closed", "by": "ada"})
        await publish(topic, {"secret": 5}, "order.lost")
        worker.prints("created Created(id=1) None")
        worker.prints("paid Paid(id=2, total=2.5) None")
        worker.prints("refund Refund(kind='void', amounts=[3])")
        worker.prints("ledger {'kind': 'ledger.closed', 'by': 'ada'}")
        worker.prints("1 message of")
        assert worker.stop() == 0
    assert "that no route takes is kept: 1 with attribute('type') 'order.lost'" in worker.printed
    assert "secret" not in worker.printed
    assert sum(await queue_counts(queue)) == 1


async def test_the_order_of_a_group_holds_across_handlers(shell: Shell, aws_environ: pytest.MonkeyPatch) -> None:
    queue = await create_queue(unique("events") + ".fifo")
    aws_environ.setenv("EVENTS", queue.rpartition("/")[2])
    aws_environ.setenv("TRANSLATOR", "loafer.aws.message_translator.SQSMessageTranslator")
    for number in range(20):
        kind = "created" if number % 3 else "paid"
        body = json.dumps({"id": number, "total": 1.0})
        attributes = {"type": {"DataType": "String", "StringValue": f"order.{kind}"}}
        grouped = {"MessageGroupId": "ab"[number % 2], "MessageDeduplicationId": str(number)}
        await send(queue, body, MessageAttributes=attributes, **grouped)
    with shell.running("loafer run shop:app", says="route 'ledger'") as worker:
        worker.prints("Created(id=19)")
        worker.prints("Paid(id=18")
        assert worker.stop() == 0
    lines = [line for line in worker.printed.splitlines() if "(id=" in line]
    numbers = [(line.split()[-1], int(line.partition("(id=")[2].partition(",")[0].partition(")")[0])) for line in lines]
    for group, first in (("a", 0), ("b", 1)):
        assert [number for name, number in numbers if name == group] == list(range(first, 20, 2))
