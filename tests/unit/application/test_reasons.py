"""Why a message was given up, in the attributes of its copy: within ten, within its bytes, and read again."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.application.letters.reasons import LONGEST, explained, reason_of
from loafer.domain.failure import FOLDED, NAMES, Reason, fingerprint_of, without_reason
from loafer.domain.limits import LARGEST_MESSAGE, QUEUE, mistake_in
from loafer.domain.message import Attribute, Message, OutgoingMessage

REASON = Reason(
    error="KeyError",
    place="shop.orders:charge:41",
    fingerprint="e7c1aaaa",
    attempts=5,
    source="orders",
    message_id="id-1",
    failed_at=1795889403.25,
)


def message(number: int = 0, body: str = "{}") -> Message:
    return Message("id-1", body, "r", attributes={f"own-{n}": Attribute(str(n)) for n in range(number)})


def test_a_reason_is_written_into_an_attribute_for_each_part_and_read_again() -> None:
    copy = explained(message(3), REASON)
    assert copy is not None
    assert {*NAMES, "own-0", "own-1", "own-2"} == set(copy.attributes)
    assert copy.attributes["loafer.attempts"] == Attribute("5", "Number")
    assert reason_of(copy.attributes) == REASON


def test_where_there_is_no_room_for_all_it_is_folded_into_one_and_read_again() -> None:
    copy = explained(message(4), REASON)
    assert copy is not None
    assert set(copy.attributes) - {FOLDED} == {f"own-{n}" for n in range(4)}
    assert reason_of(copy.attributes) == REASON


def test_where_there_is_no_room_for_one_there_is_none() -> None:
    assert explained(message(10), REASON) is None
    assert explained(message(0, "x" * LARGEST_MESSAGE), REASON) is None


def test_an_earlier_reason_gives_way_and_all_of_it_is_taken_off_again() -> None:
    once = explained(message(2), REASON)
    assert once is not None
    twice = explained(once, Reason(error="OSError", attempts=1))
    assert twice is not None
    assert reason_of(twice.attributes) == Reason(error="OSError", attempts=1)
    assert without_reason(twice.attributes) == message(2).attributes


@given(
    st.builds(Reason, error=st.text(max_size=400), place=st.text(), source=st.text(), attempts=st.integers(0, 10**6)),
    st.integers(0, 10),
)
def test_a_copy_with_a_reason_is_one_that_sqs_takes(reason: Reason, own: int) -> None:
    copy = explained(message(own), reason)
    if copy is not None:
        assert mistake_in(OutgoingMessage(copy.body, copy.attributes), QUEUE) is None
        read = reason_of(copy.attributes)
        assert read is None or len(read.error) <= LONGEST


@pytest.mark.parametrize(
    "value", ["", "null", "[]", '{"error": 5}', '{"error": "x", "attempts": "many"}', "[" * 10**5, b""]
)
def test_what_somebody_else_wrote_there_is_no_reason_or_read_as_far_as_it_goes(value: str | bytes) -> None:
    found = reason_of({FOLDED: Attribute(value)})
    assert found is None or found == Reason(error="x")


def test_failures_of_one_error_in_one_function_have_one_fingerprint_whatever_the_line() -> None:
    assert fingerprint_of("KeyError", "shop:charge:41") == fingerprint_of("KeyError", "shop:charge:7")
    assert fingerprint_of("KeyError", "shop:charge:41") != fingerprint_of("ValueError", "shop:charge:41")
    assert set(fingerprint_of("KeyError", "")) <= set(string.hexdigits)


def test_a_folded_reason_is_ascii_whatever_its_error_is_called_and_read_as_it_was() -> None:
    reason = Reason(error="GrößeFehler", place="shop:größe:7", attempts=1)
    copy = explained(message(9), reason)
    assert copy is not None
    assert copy.attributes[FOLDED].value == (
        '{"error": "Gr\\u00f6\\u00dfeFehler", "place": "shop:gr\\u00f6\\u00dfe:7", "attempts": "1"}'
    )
    assert reason_of(copy.attributes) == reason
