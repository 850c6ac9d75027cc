import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.aws.letters import entry_of
from loafer.adapters.aws.saved import Sample, read_messages
from loafer.domain.message import Attribute, Message, OutgoingMessage

bodies = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.lists(bodies, min_size=1))
def test_each_json_line_is_a_body_as_it_stands(contents: list[object]) -> None:
    lines = [json.dumps(content, ensure_ascii=False) for content in contents]
    assert [replayed.message.body for replayed in read_messages("\n".join(lines))] == lines


def test_json_lines_have_their_line_as_id() -> None:
    assert read_messages('\ufeff{"a": 1}\r\n\n 2 \n') == [
        Sample("line 1", OutgoingMessage('{"a": 1}')),
        Sample("line 3", OutgoingMessage(" 2 ")),
    ]


def test_the_output_of_receive_message_is_read() -> None:
    entry = {
        "MessageId": "id-1",
        "ReceiptHandle": "r",
        "Body": "not JSON",
        "Attributes": {"MessageGroupId": "g", "MessageDeduplicationId": "d", "ApproximateReceiveCount": "1"},
        "MessageAttributes": {
            "kind": {"StringValue": "order", "DataType": "String"},
            "size": {"StringValue": "3", "DataType": "Number.int"},
            "raw": {"BinaryValue": base64.b64encode(b"\x00\x01").decode(), "DataType": "Binary"},
        },
    }
    text = json.dumps({"Messages": [entry, {"Body": "2"}]}, indent=4)
    assert read_messages(text) == [
        Sample(
            "id-1",
            OutgoingMessage(
                "not JSON",
                group="g",
                deduplication_id="d",
                attributes={
                    "kind": Attribute("order"),
                    "size": Attribute("3", "Number.int"),
                    "raw": Attribute(b"\x00\x01", "Binary"),
                },
            ),
        ),
        Sample("Messages[1]", OutgoingMessage("2")),
    ]


def test_a_lambda_event_is_read() -> None:
    record = {
        "messageId": "id-1",
        "receiptHandle": "r",
        "body": "{}",
        "attributes": {"MessageGroupId": "g"},
        "messageAttributes": {"kind": {"stringValue": "order", "stringListValues": [], "dataType": "String"}},
        "eventSource": "aws:sqs",
    }
    assert read_messages(json.dumps({"Records": [record]})) == [
        Sample("id-1", OutgoingMessage("{}", group="g", attributes={"kind": Attribute("order")}))
    ]


def test_an_event_of_another_service_is_a_body() -> None:
    line = '{"Records": [{"eventSource": "aws:s3", "s3": {}}]}'
    assert read_messages(line) == [Sample("line 1", OutgoingMessage(line))]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: empty; give JSON lines"),
        (" \n\n", "line 1: empty"),
        ("hello", "line 1: Expecting value"),
        ("1\n2\nthree\n", "line 3: not JSON; give JSON lines"),
        ('{"a": 1}\n{"a": NaN}\n', "line 2: not JSON"),
        ('{\n  "Messages": [\n    {"Body": \n', "line 4: Expecting value"),
        ('{\n  "a": 1\n}\n', "line 1: not JSON"),
        ('{"Messages": []}', "line 1: Messages is empty"),
        ('{"Records": []}', "line 1: Records is empty"),
        ('{"Messages": [{"Body": "1"}, {"Body": 2}]}', r"line 1: Messages\[1\] has no Body that is a string"),
        ('{"Records": [{"eventSource": "aws:sqs"}]}', r"line 1: Records\[0\] has no body that is a string"),
        ('{"Messages": [5]}', r"line 1: Messages\[0\] has no Body"),
        ('{"Messages": [{"Body": "", "MessageAttributes": {"a": 5}}]}', r"the attributes of Messages\[0\]"),
        ('{"Messages": [{"Body": "", "Attributes": [1]}]}', r"the attributes of Messages\[0\]"),
        (
            '{"Messages": [{"Body": "", "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "?"}}}]}',
            r"the attributes of Messages\[0\]",
        ),
        ("[" * 100_000, "line 1: nested too deeply"),
    ],
)
def test_anything_else_is_refused_with_the_line(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        read_messages(text)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("indent", [None, 4])
def test_outputs_of_receive_message_may_stand_one_after_another_as_a_loop_over_pages_writes_them(
    indent: int | None,
) -> None:
    pages = [{"Messages": [{"MessageId": f"{page}-{n}", "Body": "{}"} for n in range(2)]} for page in range(3)]
    text = "\n".join(json.dumps(page, indent=indent) for page in pages) + "\n"
    assert [sample.id for sample in read_messages(text)] == ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"]


def test_a_dump_holds_messages_a_line_each() -> None:
    message = Message("i", "plain", "r", group="g", attributes={"kind": Attribute("new")})
    text = "\n".join(json.dumps(entry_of(each)) for each in (message, Message("j", "2", "r")))
    assert read_messages(text) == [
        Sample("i", OutgoingMessage("plain", {"kind": Attribute("new")}, group="g")),
        Sample("j", OutgoingMessage("2")),
    ]


def test_of_a_journal_each_message_is_read_once_and_what_came_of_it_is_none() -> None:
    sending = {"loafer": "sending", "at": 1, "message": entry_of(Message("i", "1", "r"))}
    lines = [{"loafer": "redrive"}, sending, {"loafer": "unsure", "id": "i"}, sending, {"loafer": "sent", "id": "i"}]
    text = "\n".join(map(json.dumps, lines))
    assert read_messages(text) == [Sample("i", OutgoingMessage("1"))]
    with pytest.raises(ValueError, match="line 1: it holds no message"):
        read_messages(json.dumps(lines[0]))


@pytest.mark.parametrize("body", ['{"loafer": "bread"}', '{"MessageId": 1, "Body": "x", "more": 1}', '{"message": {}}'])
def test_a_body_that_looks_a_little_like_a_line_of_ours_is_a_body(body: str) -> None:
    assert read_messages(f"{body}\n{body}") == [
        Sample("line 1", OutgoingMessage(body)),
        Sample("line 2", OutgoingMessage(body)),
    ]
