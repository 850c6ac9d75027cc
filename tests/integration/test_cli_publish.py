"""The publish commands: what arrives, and what is printed."""

import time
from pathlib import Path

import pytest
from command import Shell, received
from endpoints import create_queue, create_topic, queue_arn, queue_counts, subscribe, unique


@pytest.fixture
def shell(tmp_path: Path, on_ministack: str) -> Shell:
    return Shell(tmp_path)


@pytest.mark.parametrize("command", ["publish_sqs", "publish-sqs"])
async def test_it_prints_the_id_of_the_message(shell: Shell, command: str) -> None:
    queue = unique("orders")
    url = await create_queue(queue)
    done = shell.run(f"loafer {command} --queue {queue} --msg foobar --attribute kind=new --attribute by=a=b")
    assert (done.returncode, done.stderr) == (0, "")
    [message] = await received(url)
    assert (done.stdout, message["Body"]) == (message["MessageId"] + "\n", '"foobar"')
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes == {"kind": "new", "by": "a=b"}


async def test_raw_text_is_sent_untouched_and_standard_input_is_read(shell: Shell) -> None:
    url = await create_queue(unique("orders"))
    for options, text in (("--raw", b"a\r\nb\n"), ("", b"more text\n"), ("", b' {"a": 1}\n')):
        assert shell.run(f"loafer publish_sqs --queue {url} --msg - {options}", text).returncode == 0
    assert {message["Body"] for message in await received(url)} == {"a\r\nb\n", '"more text"', ' {"a": 1}'}


async def test_a_delayed_message_is_not_shown_at_once(shell: Shell) -> None:
    queue = unique("orders")
    url = await create_queue(queue)
    began = time.monotonic()
    assert shell.run(f"loafer publish_sqs --queue {await queue_arn(url)} --msg later --delay 2").returncode == 0
    at_once = await received(url)
    assert at_once == [] or time.monotonic() > began + 2  # where the machine was slow, it may be there
    while not (messages := at_once or await received(url)):
        assert time.monotonic() < began + 60
    assert time.monotonic() > began + 2
    assert messages[0]["Body"] == '"later"'


async def test_a_fifo_queue_gets_the_group_and_the_deduplication_id(shell: Shell) -> None:
    queue = unique("orders.fifo")
    url = await create_queue(queue)
    for text in ("first", "again"):
        done = shell.run(f"loafer publish_sqs --queue {queue} --msg {text} --group-id g --deduplication-id d")
        assert done.returncode == 0
    [message] = await received(url)
    assert message["Body"] == '"first"'
    assert (message["Attributes"]["MessageGroupId"], message["Attributes"]["MessageDeduplicationId"]) == ("g", "d")


async def test_a_topic_by_its_arn_passes_attributes_on(shell: Shell) -> None:
    url, topic = await create_queue(unique("orders")), await create_topic(unique("topic"))
    await subscribe(topic, url, raw=True)
    done = shell.run(f"loafer publish-sns --topic {topic} --msg '[1, 2]' --attribute kind=new")
    assert (done.returncode, done.stderr) == (0, "")
    [message] = await received(url)
    assert (message["Body"], message["MessageAttributes"]["kind"]["StringValue"]) == ("[1, 2]", "new")


@pytest.mark.parametrize(
    ("options", "text", "complaint"),
    [
        ("", b"a" * 1_048_577, "1048579 bytes; give it 1048576 at most"),
        ("--raw", b"a\x01b", "the body holds U+0001 at character 1"),
        ("--raw", b"a\xff", "U+DCFF at character 1"),
    ],
    ids=["size", "control", "encoding"],
)
async def test_what_cannot_be_sent_is_told_in_a_line_and_nothing_is_sent(
    shell: Shell, options: str, text: bytes, complaint: str
) -> None:
    url = await create_queue(unique("orders"))
    done = shell.run(f"loafer publish_sqs --queue {url} --msg - {options}", text)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert complaint in done.stderr
    assert await queue_counts(url) == (0, 0)


@pytest.mark.parametrize(
    ("destination", "complaint"),
    [
        ("publish_sqs --queue no-such-queue", "loafer: queue 'no-such-queue' does not exist in region eu-west-1"),
        ("publish_sns --topic no-such-topic", "loafer: topic 'no-such-topic' does not exist in region eu-west-1"),
        ("publish_sqs --queue 'no queue'", "loafer: 'no queue' is not a queue name, a queue URL or a queue ARN"),
        ("publish_sns --topic 'no topic'", "loafer: 'no topic' is not a topic name or a topic ARN"),
    ],
)
def test_a_destination_that_is_not_there_is_told_in_a_line(shell: Shell, destination: str, complaint: str) -> None:
    done = shell.run(f"loafer {destination} --msg foobar")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(complaint)
    assert len(done.stderr.splitlines()) == 1
