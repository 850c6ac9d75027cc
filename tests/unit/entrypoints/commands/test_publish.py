import json
from pathlib import Path

import click.testing
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.aws import publisher as aws
from loafer.adapters.memory.publisher import MemoryPublisher
from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.entrypoints.cli import cli
from loafer.entrypoints.commands.publish import attributes_of, publish_to_queue, publish_to_topic, text_of
from loafer.entrypoints.settings.table import Settings
from loafer.exceptions import PublisherError


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> MemoryQueue:
    """A queue that the publish commands send to, whatever destination they name."""
    queue = MemoryQueue("orders", clock=lambda: 0.0)
    for publisher in ("SQSPublisher", "SNSPublisher"):
        monkeypatch.setattr(aws, publisher, lambda _, **__: MemoryPublisher(queue))
    return queue


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, stdin: bytes | None = None) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, arguments, input=stdin)


contents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(contents)
def test_json_is_sent_as_it_is(content: object) -> None:
    text = json.dumps(content)
    assert text_of(text, raw=False) == text


@given(st.text())
def test_any_text_can_be_read_as_json_by_the_worker(text: str) -> None:
    sent = text_of(text, raw=False)
    assert sent == text or json.loads(sent) == text


@pytest.mark.parametrize("text", ["foobar", "NaN", "[1, Infinity]", "", "'a'", "[" * 100_000])
def test_text_that_is_not_json_is_sent_as_a_json_string(text: str) -> None:
    assert text_of(text, raw=False) == json.dumps(text)


@given(st.text())
def test_raw_text_is_sent_untouched(text: str) -> None:
    assert text_of(text, raw=True) == text


def test_attributes_are_split_at_the_first_equals_sign() -> None:
    assert attributes_of(["kind=new", "sum=a=b"]) == {"kind": Attribute("new"), "sum": Attribute("a=b")}


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        (["kind"], "'kind' is not NAME=VALUE"),
        (["=new"], "'=new' is not NAME=VALUE"),
        (["kind="], "'kind=' is not NAME=VALUE"),
        (["a=1", "a=2"], "attribute 'a' is given twice"),
    ],
)
def test_what_is_no_attribute_is_refused(pairs: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        attributes_of(pairs)


def test_all_options_reach_the_queue(queue: MemoryQueue) -> None:
    options = ("--attribute", "kind=new", "--group-id", "g", "--deduplication-id", "d")
    done = run("publish_sqs", "--queue", "orders", "--msg", "foobar", *options)
    assert (done.exit_code, done.stdout) == (0, "orders-1\n")
    assert queue.visible == [
        OutgoingMessage('"foobar"', {"kind": Attribute("new")}, group="g", deduplication_id="d"),
    ]


def test_a_delayed_message_is_not_visible_yet(queue: MemoryQueue) -> None:
    assert run("publish-sqs", "--queue", "orders", "--msg", "1", "--delay", "900").exit_code == 0
    assert (len(queue), queue.visible) == (1, [])


def test_a_topic_gets_text_and_attributes(queue: MemoryQueue) -> None:
    assert run("publish_sns", "--topic", "topic", "--msg", "{}", "--attribute", "kind=new").exit_code == 0
    assert queue.visible == [OutgoingMessage("{}", {"kind": Attribute("new")})]


@pytest.mark.parametrize(
    ("stdin", "options", "body"),
    [
        (b"hello\n", (), '"hello"'),
        (b"two\nlines\n\n", (), json.dumps("two\nlines\n")),
        (b"a\r\n", ("--raw",), "a\r\n"),
    ],
)
def test_a_dash_reads_standard_input(queue: MemoryQueue, stdin: bytes, options: tuple[str, ...], body: str) -> None:
    assert run("publish_sqs", "--queue", "orders", "--msg", "-", *options, stdin=stdin).exit_code == 0
    assert [message.body for message in queue.visible] == [body]


def test_standard_input_that_is_no_text_is_refused_in_one_line(queue: MemoryQueue) -> None:
    refused = run("publish_sqs", "--queue", "orders", "--msg", "-", "--raw", stdin=b"\xff")
    assert refused.exit_code == 1
    [line] = refused.output.splitlines()
    assert line.startswith("loafer: ")
    assert "U+DCFF" in line
    assert len(queue) == 0


@pytest.mark.parametrize("options", [("--delay", "901"), ("--delay", "-1"), ("--attribute", "kind")])
def test_wrong_options_send_nothing(queue: MemoryQueue, options: tuple[str, ...]) -> None:
    assert run("publish_sqs", "--queue", "orders", "--msg", "1", *options).exit_code == 2
    assert len(queue) == 0


def test_a_destination_and_a_message_are_needed() -> None:
    assert "--queue" in run("publish_sqs", "--msg", "1").stderr
    assert "--topic" in run("publish_sns", "--msg", "1").stderr
    assert "--msg" in run("publish_sqs", "--queue", "orders").stderr


def test_a_queue_in_the_memory_of_another_process_is_told_to_be_that() -> None:
    done = run("publish_sqs", "--queue", "memory://orders", "--msg", "1")
    assert done.exit_code == 1
    why = "is in the memory of one process, which no other reaches; give a queue on SQS"
    assert done.stderr == f"loafer: 'memory://orders' {why}\n"


def test_a_refused_message_is_told_in_a_line(queue: MemoryQueue) -> None:
    done = run("publish_sqs", "--queue", "orders", "--msg", "", "--raw")
    assert (done.exit_code, done.stdout) == (1, "")
    why = "the body is empty; give it one character at least"
    assert done.stderr == f"loafer: queue 'orders' does not take the message: {why}\n"


@pytest.mark.parametrize(
    "command", [("publish_sqs", "--queue", "arn:aws:sqs:eu-west-1:1:a.fifo"), ("publish_sns", "--topic", "a.fifo")]
)
def test_a_message_without_a_group_for_fifo_is_refused_by_the_name_of_the_option(
    queue: MemoryQueue, command: tuple[str, ...]
) -> None:
    done = run(*command, "--msg", "1")
    assert (done.exit_code, done.stdout, len(queue)) == (1, "", 0)
    noun = command[1].removeprefix("--")
    said = f"{noun} 'a.fifo' is FIFO, and each of its messages needs a group: give --group-id ID"
    assert done.stderr == f"loafer: {said}\n"
    assert run(*command, "--msg", "1", "--group-id", "g").exit_code == 0


@pytest.mark.parametrize("publish", [publish_to_queue, publish_to_topic])
def test_what_is_no_destination_is_refused_before_anything_is_opened(publish: object) -> None:
    assert callable(publish)
    with pytest.raises(PublisherError, match="'no destination' is not a"):
        publish("no destination", OutgoingMessage("1"), Settings())
