"""Messages in lines of files, and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.aws.letters import entry_of, letter_of
from loafer.adapters.aws.saved import read_messages
from loafer.domain.message import Attribute, Message
from loafer.ports.inspector import Letter

VALUES = st.builds(Attribute, st.text(max_size=20)) | st.builds(Attribute, st.binary(max_size=9), st.just("Binary"))
ATTRIBUTES = st.dictionaries(st.text(max_size=10), VALUES)
MESSAGES = st.builds(
    Message,
    st.uuids().map(str),
    st.text(),
    st.just("none"),
    st.integers(1, 1000),
    st.none() | st.text(max_size=20),
    st.none() | st.text(max_size=20),
    st.none() | st.integers(0, 2**40).map(lambda number: number / 1000),
    ATTRIBUTES,
    st.just("dead"),
)


@given(MESSAGES, st.none() | st.just("orders"))
def test_a_message_is_read_again_as_it_was(message: Message, origin: str | None) -> None:
    line = json.dumps(entry_of(message, origin))
    assert letter_of(json.loads(line), "dead") == Letter(message, origin)


@pytest.mark.parametrize("entry", [{}, {"MessageId": 5, "Body": ""}, {"MessageId": "i", "Body": 5}])
def test_what_is_none_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="it "):
        letter_of(entry)


def test_the_aws_cli_spells_them_so_too() -> None:
    message = Message("i", '{"n": 1}', "none", attributes={"raw": Attribute(b"\x00", "Binary")})
    [sample] = read_messages(json.dumps({"Messages": [entry_of(message)]}))
    assert (sample.id, sample.message.body, dict(sample.message.attributes)) == (
        "i",
        '{"n": 1}',
        dict(message.attributes),
    )
