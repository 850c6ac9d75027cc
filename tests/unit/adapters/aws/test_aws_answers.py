"""From answers to values: null is missing, and what cannot be read is skipped with a warning, whatever it is."""

import json
import logging
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lean_fakes import MESSAGE

from loafer.adapters.aws.answers import (
    count_in,
    mapping_in,
    messages_in,
    placed,
    redrive_policy_in,
    text_in,
)
from loafer.adapters.aws.batches import results_of
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.domain.batch import Failure
from loafer.domain.message import Message

Log = pytest.LogCaptureFixture

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["0", "9", "-1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Id", "MessageId", "ReceiptHandle", "Body", "Attributes", "MessageAttributes", "StringValue", "Code"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
UNREADABLE: list[Any] = [
    None,
    1,
    "text",
    [],
    {},
    {"MessageId": "1"},
    {**MESSAGE, "MessageId": None},
    {**MESSAGE, "MessageId": 1},
    {**MESSAGE, "MessageId": "é"},
    {**MESSAGE, "MessageId": ""},
    {**MESSAGE, "ReceiptHandle": "\ud800"},
    {**MESSAGE, "ReceiptHandle": ""},
    {**MESSAGE, "Body": 1},
    {**MESSAGE, "Attributes": [1]},
    {**MESSAGE, "Attributes": {"MessageGroupId": 1}},
    {**MESSAGE, "Attributes": {"MessageDeduplicationId": ["x"]}},
    {**MESSAGE, "MessageAttributes": ["a"]},
    {**MESSAGE, "MessageAttributes": {"a": "b"}},
    {**MESSAGE, "MessageAttributes": {"a": {"StringValue": 1}}},
    {**MESSAGE, "MessageAttributes": {"a": {"BinaryValue": 1}}},
    {**MESSAGE, "MessageAttributes": {"a": {"BinaryValue": "x"}}},
    {**MESSAGE, "MessageAttributes": {"a": {"BinaryValue": "é"}}},
    {**MESSAGE, "MessageAttributes": {"a": {"StringValue": "x", "DataType": 1}}},
    {**MESSAGE, "MessageId": "1" * 1_001},
    {**MESSAGE, "ReceiptHandle": "r" * (16 * 1024 + 1)},
    {**MESSAGE, "Attributes": {"MessageGroupId": "g" * 1_001}},
    {**MESSAGE, "Attributes": {"MessageDeduplicationId": "d" * 1_001}},
    {**MESSAGE, "MessageAttributes": {str(number): {} for number in range(101)}},
]


def received(*entries: Any) -> list[Message]:
    return messages_in({"Messages": list(entries)}, "orders", len(entries))


@pytest.mark.parametrize("entry", UNREADABLE, ids=lambda entry: str(entry)[:100])
def test_a_message_that_cannot_be_read_is_skipped_with_a_warning_and_costs_no_other(entry: Any, caplog: Log) -> None:
    before, after = received({**MESSAGE, "MessageId": "before"}, entry, {**MESSAGE, "MessageId": "after"})
    assert (before.id, after.id) == ("before", "after")
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "is skipped" in record.getMessage()


def test_the_warning_shows_an_id_that_can_pass_for_nothing_else_and_no_body(caplog: Log) -> None:
    received({**MESSAGE, "MessageId": "1\n2026 - ERROR - é\x1b[2J" + "x" * 1000, "Body": "TOPSECRET", "Attributes": 1})
    [line] = caplog.text.splitlines()
    assert "1\\n2026 - ERROR - \\xe9\\x1b[2J" in line
    assert len(line) < 400
    assert "TOPSECRET" not in line


@pytest.mark.parametrize("count", ["x", "", None, [], {}, "1e9", "-", "9" * 5000, float("inf"), float("nan")])
def test_counts_and_times_that_are_no_numbers_are_missing(count: Any) -> None:
    [message] = received({**MESSAGE, "Attributes": {"ApproximateReceiveCount": count, "SentTimestamp": "5000"}})
    assert (message.receive_count, message.sent_at) == (1, 5)
    [message] = received({**MESSAGE, "Attributes": {"ApproximateReceiveCount": "5", "SentTimestamp": count}})
    assert (message.receive_count, message.sent_at) == (5, None)


@pytest.mark.parametrize("count", ["0", "-7", -1])
def test_a_message_has_been_received_once_at_least(count: Any) -> None:
    [message] = received({**MESSAGE, "Attributes": {"ApproximateReceiveCount": count}})
    assert message.receive_count == 1


@pytest.mark.parametrize("answer", [{}, {"Messages": None}, {"Messages": []}])
def test_no_messages_are_none(answer: dict[str, Any], caplog: Log) -> None:
    assert messages_in(answer, "orders", 10) == []
    assert caplog.records == []


@pytest.mark.parametrize("messages", [1, "text", {}, {"a": 1}, [{}, {}, {}]])
def test_messages_that_are_no_list_or_more_than_were_asked_for_are_trouble(messages: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        messages_in({"Messages": messages}, "orders", 2)


@given(answer=st.dictionaries(st.sampled_from(["Messages", "Successful", "Failed", "Attributes", "QueueUrl"]), JSON))
def test_whatever_an_answer_holds_it_is_read_or_trouble(answer: dict[str, Any]) -> None:
    assert len(results_of(answer, 3)) == 3
    for read in (
        lambda: messages_in(answer, "orders", 10),
        lambda: text_in(answer, "QueueUrl"),
        lambda: redrive_policy_in(mapping_in(answer, "Attributes")),
        lambda: count_in(mapping_in(answer, "Attributes"), "Id"),
    ):
        with suppress(UnreadableAnswer):
            read()


NO_POSITIONS: list[Any] = ["-1", "3", "10", "٣", " 1", "1_0", "", None, 0, 1.0, [], {}]
NO_ENTRIES: list[Any] = [None, 1, "0", [], {}, *({"Id": bad} for bad in NO_POSITIONS)]


@pytest.mark.parametrize("entry", NO_ENTRIES, ids=str)
def test_an_id_that_is_no_position_of_the_batch_counts_for_nothing(entry: Any, caplog: Log) -> None:
    good = {"Id": "1"}
    assert list(placed({"Failed": [entry, good]}, "Failed", 3)) == [(1, good)]
    [record] = caplog.records
    assert record.levelno == logging.WARNING


@pytest.mark.parametrize("size", [1, 9, 10])
def test_negative_ids_mark_no_other_entry_done(size: int) -> None:
    results = results_of({"Successful": [{"Id": str(-number)} for number in range(1, size + 1)]}, size)
    assert all(isinstance(result, Failure) and result.retryable for result in results)


@pytest.mark.parametrize("entries", [1, "text", {"Id": "0"}, True])
def test_results_that_are_no_list_are_skipped_with_one_warning(entries: Any, caplog: Log) -> None:
    [failure] = results_of({"Successful": entries}, 1)
    assert failure is not None
    assert failure.retryable
    assert len(caplog.records) == 1


def test_an_entry_that_is_both_done_and_failed_has_failed() -> None:
    [failure] = results_of({"Successful": [{"Id": "0"}], "Failed": [{"Id": "0", "Code": "InternalError"}]}, 1)
    assert failure is not None


@pytest.mark.parametrize("answer", [{}, {"QueueUrl": None}, {"QueueUrl": 1}, {"QueueUrl": ""}])
def test_a_text_that_is_missing_is_trouble(answer: dict[str, Any]) -> None:
    with pytest.raises(UnreadableAnswer, match="the answer has no QueueUrl"):
        text_in(answer, "QueueUrl")


def test_attributes_that_are_null_are_missing() -> None:
    assert mapping_in({"Attributes": None}, "Attributes") == {}
    assert mapping_in({"Attributes": {"a": None, "b": "1"}}, "Attributes") == {"b": "1"}
    with pytest.raises(UnreadableAnswer):
        mapping_in({"Attributes": [1]}, "Attributes")


@pytest.mark.parametrize(
    ("written", "count", "warnings"),
    [("45", 45, 0), (45, 45, 0), (None, 0, 0), ("-1", 0, 0), ("x", 0, 1), ([1], 0, 1), ("9" * 5000, 0, 1)],
)
def test_an_attribute_that_is_no_count_is_missing(written: Any, count: int, warnings: int, caplog: Log) -> None:
    assert count_in({"VisibilityTimeout": written}, "VisibilityTimeout") == count
    assert len(caplog.records) == warnings


POLICIES = [
    "{",
    "[]",
    "1",
    "null",
    "[" * 100_000,
    "{}",
    '{"deadLetterTargetArn": 1}',
    '{"deadLetterTargetArn": "dead"}',
    '{"deadLetterTargetArn": "https://elsewhere/1/dead"}',
    5,
]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(policy)[:20])
def test_a_redrive_policy_that_cannot_be_read_is_missing(policy: Any, caplog: Log) -> None:
    assert redrive_policy_in({"RedrivePolicy": policy}) == (0, None)
    assert len(caplog.records) == 1


def test_a_redrive_policy_names_a_queue_and_a_count_that_may_be_missing() -> None:
    arn = "arn:aws:sqs:eu-west-1:1:dead"
    for count, found in (("3", 3), (3, 3), (None, 0), ("x", 0)):
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": count})
        assert redrive_policy_in({"RedrivePolicy": policy}) == (found, arn)
    assert redrive_policy_in({}) == redrive_policy_in({"RedrivePolicy": ""}) == (0, None)
