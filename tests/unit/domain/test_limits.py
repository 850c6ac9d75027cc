"""What SQS and SNS would refuse is known here, in words that say what would be right; and batches fit their limits."""

import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.limits import (
    LARGEST_BATCH,
    QUEUE,
    TOPIC,
    Limits,
    mistake_in,
    mistake_in_queue,
    size_of,
    split,
)
from loafer.domain.message import Attribute, OutgoingMessage

FIFO_QUEUE, FIFO_TOPIC = QUEUE.of("orders.fifo"), TOPIC.of("news.fifo")
ELEVEN = {f"a{number}": Attribute("x") for number in range(11)}


@pytest.mark.parametrize(
    ("message", "limits", "said"),
    [
        (OutgoingMessage(""), QUEUE, "the body is empty; give it one character at least"),
        (
            OutgoingMessage("x" * 1_048_577),
            QUEUE,
            "body and attributes are 1048577 bytes; give it 1048576 at most",
        ),
        (
            OutgoingMessage("é" * 131_073),
            TOPIC,
            "body and attributes are 262146 bytes; give it 262144 at most",
        ),
        (
            OutgoingMessage("x" * 1_048_570, {"a": Attribute("x")}),
            QUEUE,
            "body and attributes are 1048578 bytes; give it 1048576 at most",
        ),
        (
            OutgoingMessage("ab\x00"),
            QUEUE,
            "the body holds U+0000 at character 2, which no message may hold; encode it",
        ),
        (OutgoingMessage("\ud800"), QUEUE, "the body holds U+D800 at character 0"),
        (OutgoingMessage("\ufffe"), TOPIC, "the body holds U+FFFE at character 0"),
        (OutgoingMessage("x", {"a": Attribute("\x0b")}), QUEUE, "attribute 'a' holds U+000B at character 0"),
        (
            OutgoingMessage("x", {"\ud800": Attribute("x")}),
            QUEUE,
            r"the name of attribute '\ud800' holds U+D800 at character 0",
        ),
        (
            OutgoingMessage("x", {"a": Attribute("x", "\ud800")}),
            QUEUE,
            "the type of attribute 'a' holds U+D800 at character 0",
        ),
        (OutgoingMessage("x", group="g\ud800"), QUEUE, "the group holds U+D800 at character 1"),
        (OutgoingMessage("x", deduplication_id="\ud800"), QUEUE, "the deduplication id holds U+D800 at character 0"),
        *(
            (
                OutgoingMessage("x", {name: Attribute("x")}),
                QUEUE,
                f"attribute {name!r} has a name that no message takes",
            )
            for name in ("", "a b", "ä", ".a", "a.", "a..b", "a" * 257, "AWS.a", "amazon.a")
        ),
        (OutgoingMessage("x", {1: Attribute("x")}), QUEUE, "attribute 1 has a name that no message takes"),  # type: ignore[dict-item]
        (OutgoingMessage("x", {"a": Attribute("")}), QUEUE, "attribute 'a' is empty; give it a value, or leave it out"),
        (OutgoingMessage("x", {"a": Attribute(b"", "Binary")}), TOPIC, "attribute 'a' is empty"),
        (OutgoingMessage("x", {"a": Attribute("x", "Text")}), QUEUE, "attribute 'a' has the type 'Text'; give String"),
        (OutgoingMessage("x", {"a": Attribute("x", "")}), QUEUE, "attribute 'a' has the type ''; give String"),
        (OutgoingMessage("x", {"a": Attribute("x", "String." + "l" * 250)}), QUEUE, "attribute 'a' has the type 'Str"),
        (OutgoingMessage("x", ELEVEN), QUEUE, "it has 11 attributes; give it 10 at most"),
        (OutgoingMessage("x", delay=-1), QUEUE, "delay=-1 is out of range; give 0 to 900 seconds"),
        (OutgoingMessage("x", delay=901), QUEUE, "delay=901 is out of range; give 0 to 900 seconds"),
        (OutgoingMessage("x", delay=0), TOPIC, "delay=0: a topic has no delay; publish to a queue, or without"),
        (
            OutgoingMessage("x", delay=3, group="g"),
            FIFO_QUEUE,
            "delay=3: messages of a FIFO queue have no delay of their own; give none",
        ),
        (OutgoingMessage("x"), FIFO_QUEUE, "it has no group, and messages of a FIFO queue need a group id"),
        (OutgoingMessage("x"), FIFO_TOPIC, "it has no group, and messages of a FIFO topic need a group id"),
    ],
    ids=lambda value: value[:40].replace("\\", "") if isinstance(value, str) else "",  # mutmut names tests by it
)
def test_what_would_be_refused_is_told_in_one_line_that_says_what_would_be_right(
    message: OutgoingMessage, limits: Limits, said: str
) -> None:
    mistake = mistake_in(message, limits)
    assert mistake is not None
    assert mistake.startswith(said)
    assert "\n" not in mistake
    assert re.search("; give|; publish|; encode|need", mistake)


@pytest.mark.parametrize(
    ("message", "limits"),
    [
        (OutgoingMessage("x" * 1_048_576), QUEUE),
        (OutgoingMessage("x" * 262_144), TOPIC),
        (OutgoingMessage("\t\n\r \ud7ff\ue000\ufffd\U00010000\U0010ffff", {"a": Attribute(b"\x00")}, delay=900), QUEUE),
        (OutgoingMessage("x", delay=0, group="g"), FIFO_QUEUE),
        (OutgoingMessage("x", group="g"), FIFO_TOPIC),
        (OutgoingMessage("x", group="a tenant of a fair queue"), QUEUE),
        (
            OutgoingMessage("x", dict.fromkeys(["a-B_9.c.d", "a" * 256, "awsome"], Attribute("[1]", "String.Array"))),
            TOPIC,
        ),
    ],
    ids=[
        "size",
        "size on a topic",
        "characters",
        "no delay",
        "group on a topic",
        "group on a standard queue",
        "attributes",
    ],
)
def test_what_is_just_within_the_limits_is_no_mistake(message: OutgoingMessage, limits: Limits) -> None:
    assert mistake_in(message, limits) is None


@pytest.mark.parametrize(
    ("visibility_timeout", "max_receive_count", "said"),
    [
        (-1, None, "visibility_timeout=-1 is out of range; give 0 to 43200 seconds"),
        (43_201, 1, "visibility_timeout=43201 is out of range; give 0 to 43200 seconds"),
        (30, 0, "max_receive_count=0 would deliver nothing; give 1 or more"),
        (43_200, 1, None),
        (0, None, None),
    ],
)
def test_a_queue_that_cannot_be_is_told(
    visibility_timeout: float, max_receive_count: int | None, said: str | None
) -> None:
    assert mistake_in_queue(visibility_timeout, max_receive_count) == said


def test_the_size_counts_the_body_and_the_name_type_and_value_of_every_attribute_in_bytes() -> None:
    assert size_of(OutgoingMessage("é", {"a": Attribute("bé"), "c": Attribute(b"d", "Binary.png")})) == 2 + 10 + 12
    assert size_of(OutgoingMessage("x", {"a": Attribute(b"\xff\xfe", "Binary")})) == 1 + 9


@given(sizes=st.lists(st.integers(1, 100), max_size=40))
def test_batches_keep_the_order_and_both_limits(sizes: list[int]) -> None:
    messages = [OutgoingMessage("x" * size) for size in sizes]
    batches = list(split(messages, 100))
    assert [message for batch in batches for message in batch] == messages
    assert all(1 <= len(batch) <= LARGEST_BATCH and sum(map(size_of, batch)) <= 100 for batch in batches)


def test_a_batch_is_filled_to_the_last_byte_and_to_ten() -> None:
    def sizes(*given: int) -> list[list[int]]:
        return [
            [len(message.body) for message in batch] for batch in split([OutgoingMessage("x" * n) for n in given], 9)
        ]

    assert sizes(4, 5, 1, 8, 1) == [[4, 5], [1, 8], [1]]
    assert sizes(9, 9) == [[9], [9]]
    assert [len(batch) for batch in sizes(*[0] * 21)] == [10, 10, 1]
    assert sizes() == []


@pytest.mark.parametrize(("name", "ordered"), [("orders.fifo", True), ("orders", False), ("fifo", False)])
def test_a_name_tells_whether_a_queue_keeps_order_and_nothing_else_changes(name: str, ordered: bool) -> None:
    assert QUEUE.of(name) == attrs.evolve(QUEUE, ordered=ordered)
    assert TOPIC.of(name) == attrs.evolve(TOPIC, ordered=ordered)


def test_ten_attributes_are_taken_and_each_is_looked_through() -> None:
    ten = {f"a{number}": Attribute("x", "String") for number in range(10)}
    assert mistake_in(OutgoingMessage("x", attributes=ten), QUEUE) is None
    first = {"bad": Attribute("\0", "String"), "good": Attribute("x", "String")}
    assert "attribute 'bad' holds U+0000" in str(mistake_in(OutgoingMessage("x", attributes=first), QUEUE))
    assert "the group holds" in str(mistake_in(OutgoingMessage("x", group="\0", attributes=ten), QUEUE))


@given(body=st.text(st.characters(), min_size=1), group=st.none() | st.just("one"))
def test_a_body_is_taken_exactly_if_it_holds_only_what_sqs_allows(body: str, group: str | None) -> None:
    allowed = all(
        each in "\t\n\r" or "\x20" <= each <= "\ud7ff" or "\ue000" <= each <= "\ufffd" or each >= "\U00010000"
        for each in body
    )
    assert (mistake_in(OutgoingMessage(body, group=group), QUEUE) is None) == allowed


@given(st.text())
def test_a_body_by_itself_is_plain_where_all_of_it_is_printable(body: str) -> None:
    assert OutgoingMessage(body).is_plain == body.isprintable()
    for more in ({"delay": 0}, {"group": "g"}, {"trace_header": "Root=1"}, {"attributes": {"a": Attribute("x")}}):
        assert not OutgoingMessage(body, **more).is_plain


def test_of_a_character_that_is_forbidden_it_is_told_where_it_is() -> None:
    said = mistake_in(OutgoingMessage("x", trace_header="Root=\0"), QUEUE)
    assert said == "the trace header holds U+0000 at character 5, which no message may hold; encode it"
