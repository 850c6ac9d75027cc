"""Which messages through SNS a worker takes, said on the command line and in a file."""

import json
from pathlib import Path

import pytest
from command import Shell
from endpoints import create_queue, create_topic, queue_counts, send, subscribe, unique

pytestmark = pytest.mark.slow

TRANSLATOR = "loafer.aws.message_translator.SNSMessageTranslator"
JOBS = """
from loafer.domain.message import Message

async def handler(content, message: Message):
    print("got", content, "of", message.notification.topic, flush=True)
"""


@pytest.fixture
def shell(tmp_path: Path, on_ministack: str) -> Shell:
    made = Shell(tmp_path)
    made.write("jobs.py", JOBS)
    return made


async def forge(queue: str, topic: str, **more: str) -> str:
    """Send what looks as if it came through a topic, and return the id of the message."""
    envelope = {"Type": "Notification", "MessageId": "1", "TopicArn": topic, "Message": '"a secret"', **more}
    return await send(queue, json.dumps(envelope))


@pytest.mark.parametrize("where", ["options", ".env"])
async def test_only_messages_of_the_topics_that_are_named_are_taken(shell: Shell, where: str) -> None:
    queue, topic, other = await create_queue(unique("orders")), await create_topic(unique("news")), unique("other")
    await subscribe(topic, queue)
    forged = await forge(queue, topic.rpartition(":")[0] + f":{other}")
    raw = await send(queue, '"a secret"')
    told = f"--sns-topics {topic}"
    if where == ".env":
        shell.write(".env", f"LOAFER_SNS_TOPICS={topic}\n")
        told = ""
    with shell.running(f"loafer --source {queue} --handler jobs.handler --translator {TRANSLATOR} {told}") as worker:
        assert shell.run(f"loafer publish_sns --topic {topic} --msg hello").returncode == 0
        worker.prints(f"got hello of {topic}")
        worker.prints(f"message {forged} on route default is kept: not translated: the SNS envelope's topic is none")
        worker.prints(f"message {raw} on route default is kept: not translated: the body is no SNS envelope")
        assert worker.stop() == 0
    assert sum(await queue_counts(queue)) == 2
    assert "a secret" not in worker.printed


async def test_what_sns_has_not_signed_is_kept_without_anybody_being_asked(shell: Shell) -> None:
    queue, topic = await create_queue(unique("orders")), await create_topic(unique("news"))
    signed = {"Timestamp": "2026-05-02T00:54:06.655Z", "SignatureVersion": "2", "Signature": "c2lnbmVk"}
    forged = await forge(queue, topic, SigningCertURL="http://127.0.0.1:1/SimpleNotificationService-0.pem", **signed)
    unsigned = await forge(queue, topic)
    options = f"--source {queue} --handler jobs.handler --translator {TRANSLATOR} --sns-topics {topic} --sns-verify"
    with shell.running(f"loafer {options}") as worker:
        worker.prints(f"message {forged} on route default is kept: not translated: the SNS envelope's certificate")
        worker.prints(f"message {unsigned} on route default is kept: not translated: the SNS envelope has no 'Timest")
        assert worker.stop() == 0
    assert "a secret" not in worker.printed


def test_a_check_that_no_translator_makes_and_a_topic_without_an_arn_end_the_start(shell: Shell) -> None:
    done = shell.run("LOAFER_SNS_TOPICS=orders loafer --source orders --sns-verify")
    assert done.returncode == 2
    first, second = sorted(done.stderr.splitlines())
    assert "LOAFER_SNS_TOPICS='orders' (environment variable): 'orders' is no ARN of a topic; give ARNs" in first
    assert "LOAFER_SNS_VERIFY='True' (option --sns-verify): no route's translator takes it" in second


def test_the_demo_has_translators_of_its_own(shell: Shell) -> None:
    shell.write(".env", "LOAFER_SNS_VERIFY=1\n")
    assert shell.run("loafer demo --messages 6").returncode == 0
