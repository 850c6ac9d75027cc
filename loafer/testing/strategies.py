"""Hypothesis strategies for what comes over queues and topics; this is the one module of the kit that needs it."""

import json
from collections.abc import Mapping

from hypothesis import strategies as st

from loafer.adapters.memory.topic import envelope
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.testing.sending import Timed

Json = st.SearchStrategy[object]

_CHARACTERS = st.characters(
    codec="utf-8",
    exclude_characters="\ufffe\uffff",
    exclude_categories=["Cs"],
).filter(lambda character: character >= " " or character in "\t\n\r")
"""What SQS takes.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,19}", fullmatch=True).filter(
    lambda name: not name.lower().startswith(("aws", "amazon"))
)


def texts(max_size: int | None = None) -> st.SearchStrategy[str]:
    """Generate texts that SQS takes as a body, at least one character long."""
    return st.text(_CHARACTERS, min_size=1, max_size=max_size)


def contents() -> Json:
    """Generate what JSON can say, but for a bare null, which is no content."""
    plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts()
    deep = st.recursive(
        plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=4), max_leaves=10
    )
    return deep.filter(lambda content: content is not None)


def bodies(content: Json | None = None) -> st.SearchStrategy[str]:
    """Generate bodies: the JSON of `content`, or without it also texts that are none."""
    if content is not None:
        return content.map(json.dumps)
    return contents().map(json.dumps) | texts()


def attributes() -> st.SearchStrategy[Mapping[str, Attribute]]:
    """Generate message attributes by name: strings, numbers and bytes, ten at most."""
    values = st.one_of(
        st.builds(Attribute, texts(50)),
        st.builds(Attribute, st.integers(-(10**18), 10**18).map(str), st.just("Number")),
        st.builds(Attribute, st.binary(min_size=1, max_size=50), st.just("Binary")),
    )
    return st.dictionaries(_NAMES, values, max_size=10)


def outgoing_messages(
    body: st.SearchStrategy[str] | None = None, *, fifo: bool = False
) -> st.SearchStrategy[OutgoingMessage]:
    """Generate messages; for a FIFO queue or topic with groups, otherwise at times with a delay."""
    return st.builds(
        OutgoingMessage,
        body=bodies() if body is None else body,
        attributes=attributes(),
        delay=st.none() if fifo else st.none() | st.integers(0, 900),
        group=st.sampled_from(["a", "b", "c"]) if fifo else st.none(),
        deduplication_id=st.none(),
    )


def sns_envelopes(body: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[str]:
    """Generate the bodies that a subscription without raw delivery brings, around the JSON of contents, or `body`."""
    return st.builds(
        envelope,
        st.builds(OutgoingMessage, body=bodies(contents()) if body is None else body, attributes=attributes()),
        st.uuids().map(str),
        st.sampled_from(["orders", "orders.fifo"]),
        st.integers(0, 4 * 10**9).map(float),
    )


def schedules(
    message: st.SearchStrategy[OutgoingMessage] | None = None, *, max_size: int = 20, within: float = 3600.0
) -> st.SearchStrategy[list[Timed]]:
    """Generate what is published when, earliest first, within so many seconds."""
    sent = st.builds(OutgoingMessage, bodies(contents())) if message is None else message
    timed = st.builds(Timed, st.floats(0, within), sent)
    return st.lists(timed, max_size=max_size).map(lambda schedule: sorted(schedule, key=lambda one: one.after))
