"""The bodies of a large answer are decoded by themselves, to the same values; what is written otherwise is left."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.aws import large_bodies as module
from loafer.adapters.aws import sieve
from loafer.adapters.aws.large_bodies import bodies_apart

MEGA = 1024 * 1024
NASTY = ['"', "\\", '\\"', "\\\\", '","', '\\","', '"Body":"', '"}', "{[]}", "\n", "é😀", "\x00", "x" * 100]
TEXTS = st.lists(st.sampled_from(NASTY) | st.text(max_size=8), max_size=4).map("".join)
OTHERS = st.none() | st.integers(0, 9) | TEXTS | st.lists(TEXTS, max_size=2)
ENTRIES = st.dictionaries(st.sampled_from(["MessageId", "Body", "Attributes", '"Body', "x"]), OTHERS) | OTHERS
ANSWERS = st.dictionaries(st.sampled_from(["Messages", "Body", "x"]), st.lists(ENTRIES, max_size=3) | OTHERS)


@given(answer=ANSWERS, layout=st.sampled_from([{}, {"separators": (",", ":")}]), ascii_only=st.booleans())
def test_what_is_taken_apart_is_put_together_as_it_was_written(answer: Any, layout: Any, ascii_only: bool) -> None:
    try:
        text = json.dumps(answer, **layout, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    found = bodies_apart(text, 1000)
    assert found is None or found == json.loads(text)
    assert found == bodies_apart(bytearray(text), 1000)


JUNK = st.lists(st.sampled_from(['"Body":"', '"', "\\", '","', "{", "}", "[", "]", ":", ",", "a", '"Messages":', "1"]))


@given(text=st.binary(max_size=60) | JUNK.map(lambda parts: '{"Messages":[{"Body":"' + "".join(parts)).map(str.encode))
def test_what_is_no_json_is_left_alone(text: bytes) -> None:
    found = bodies_apart(text, 1000)
    assert found is None or repr(found) == repr(sieve.value_of(text))


def entry(number: int, body: str) -> dict[str, Any]:
    return {"MessageId": str(number), "Body": body, "Attributes": {"SentTimestamp": "1"}, "ReceiptHandle": "r"}


def written(*bodies: str, **more: Any) -> bytes:
    return orjson.dumps({"Messages": [entry(*each) for each in enumerate(bodies)], **more})


LARGE = {
    "padding": "x" * MEGA,
    "JSON": json.dumps([{"name": "x, y", "tags": ["a", "b"], "n": 1.5}] * 20_000),
    "JSON without blanks": orjson.dumps([{"name": "x, y", "tags": ["a", "b"], "n": 1.5}] * 20_000).decode(),
    "nothing but quotes": '"' * MEGA,
    "nothing but escapes": "\x01" * MEGA,
    "commas and quotes": '","' * (MEGA // 3),
}


@pytest.mark.parametrize("kind", LARGE)
def test_messages_of_a_megabyte_are_read_without_a_look_at_what_is_in_them(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    text = written(*[LARGE[kind]] * 2)
    frames: list[bytes] = []

    def noted(frame: bytes) -> Any:
        frames.append(frame)
        return sieve.value_of(frame)

    monkeypatch.setattr(module, "value_of", noted)
    assert bodies_apart(text, 2) == {"Messages": [entry(number, LARGE[kind]) for number in range(2)]}
    assert len(frames[0]) < 4096


@pytest.mark.parametrize(
    "text",
    [
        written("x", "y", "z" * MEGA),
        written("x", x="y" * 2 * MEGA),
        written("x", x=[1] * MEGA),
        written("x" * 2 * MEGA),
        written("x").replace(b'"x"', b'"' + b"\\u0001" * 2 * MEGA + b'"'),
        written("x").replace(b'"x"', b'"\\ud83d"'),
        written("x").replace(b'"x"', b'"\xff"'),
        written("x").replace(b'"x"', b'"x'),
        written("x")[:-1],
        b'{"Messages":[{"Attributes":{"Body":"x","y":"z"}}]}',
        b'{"Messages":{"Body":"x","y":"z"}}',
        b'[{"Body":"x","y":"z"}]',
        b'{"Body":"x","y":"z"}',
    ],
    ids=[
        "more bodies than were asked for",
        "a text beside them",
        "values beside them",
        "a body that is too large",
        "a text that is larger than a body can be written",
        "a lone surrogate",
        "no UTF-8",
        "no end",
        "no JSON",
        "no message's",
        "no list of messages",
        "a list",
        "no messages",
    ],
)
def test_what_is_not_written_as_sqs_writes_it_is_left_alone(text: bytes) -> None:
    assert bodies_apart(text, 2) is None


def test_no_answer_can_say_what_stands_for_a_body() -> None:
    guessed = f"{module._PLACEHOLDER} 0"
    assert len(module._PLACEHOLDER) == 32
    assert bodies_apart(written("large", guessed[1:]), 2) == {"Messages": [entry(0, "large"), entry(1, guessed[1:])]}
    named = b'{"Messages":[{"Body":0},{"Body":"large","x":"y"},{"Body":[]},null]}'
    assert bodies_apart(named, 2) == json.loads(named)
