"""How the context of a trace travels with a message, and what it never does to that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.carrying import sentry_trace_of, trace_header_of, traceparent_of, with_context
from loafer.domain.limits import QUEUE, TOPIC, mistake_in, size_of
from loafer.domain.message import Attribute, OutgoingMessage

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
HEADER = f"Root=1-0af76519-16cd43dd8448eb211c80319c;Parent={SPAN};Sampled=1"
CONTEXT = {"traceparent": PARENT, "tracestate": "a=b"}


def with_attributes(count: int, body: str = "x") -> OutgoingMessage:
    return OutgoingMessage(body, {f"a{number}": Attribute("v") for number in range(count)})


@pytest.mark.parametrize(("own", "added"), [(0, 2), (8, 2), (9, 1), (10, 0)])
def test_a_context_goes_in_the_attributes_that_are_left(own: int, added: int) -> None:
    message = with_context(with_attributes(own), CONTEXT, QUEUE)
    assert list(message.attributes)[own:] == ["traceparent", "tracestate"][:added]
    assert (message.trace_header is None) is bool(added)


def test_where_no_attribute_is_left_it_goes_in_the_header_of_a_queue_and_nowhere_on_a_topic() -> None:
    assert with_context(with_attributes(10), CONTEXT, QUEUE).trace_header == HEADER
    assert with_context(with_attributes(10), CONTEXT, TOPIC) == with_attributes(10)


def test_where_no_bytes_are_left_it_goes_in_the_header_which_counts_for_none() -> None:
    needed = len("traceparent") + len("String") + len(PARENT)
    for short, header in ((0, None), (1, HEADER)):
        body = "x" * (QUEUE.size - needed + short)
        message = with_context(OutgoingMessage(body), CONTEXT, QUEUE)
        assert message.trace_header == header
        assert mistake_in(message, QUEUE) is None


def test_a_message_with_a_context_of_its_own_keeps_that() -> None:
    own = OutgoingMessage("x", {"traceparent": Attribute("mine")})
    assert with_context(own, CONTEXT, QUEUE) == own
    header = OutgoingMessage("x", with_attributes(10).attributes, trace_header="mine")
    assert with_context(header, CONTEXT, QUEUE) == header


def test_the_header_says_the_same_as_the_context() -> None:
    assert traceparent_of(HEADER) == PARENT
    assert trace_header_of({"traceparent": PARENT}) == HEADER
    assert trace_header_of({"sentry-trace": f"{TRACE}-{SPAN}-1"}) == HEADER
    assert trace_header_of({"sentry-trace": f"{TRACE}-{SPAN}"}) == HEADER.removesuffix(";Sampled=1")
    assert sentry_trace_of(PARENT) == f"{TRACE}-{SPAN}-1"
    assert (
        traceparent_of(f"Self=1-5; Root=1-0af76519-16cd43dd8448eb211c80319c;Parent={SPAN};Sampled=0")
        == PARENT[:-1] + "0"
    )


@pytest.mark.parametrize(
    "wrong", ["", "Root=1-x", f"Parent={SPAN}", HEADER.partition(";")[0], f"{HEADER};Root", "=;=;;"]
)
def test_a_header_that_tells_no_span_is_none(wrong: str) -> None:
    assert traceparent_of(wrong) is None


@pytest.mark.parametrize("wrong", ["", "00-1-2-3", PARENT.upper(), PARENT + "-more", "é" * 55])
def test_what_is_no_traceparent_is_said_in_no_other_way(wrong: str) -> None:
    assert trace_header_of({"traceparent": wrong}) is None
    assert sentry_trace_of(wrong) is None


@given(
    own=st.dictionaries(st.text("abc.", min_size=1, max_size=3), st.text(max_size=9), max_size=10),
    context=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=4),
    room=st.integers(0, 60),
)
def test_no_context_makes_a_message_one_that_is_refused(
    own: dict[str, str], context: dict[str, str], room: int
) -> None:
    attributes = {name: Attribute(value) for name, value in own.items()}
    size = size_of(OutgoingMessage("", attributes))
    message = OutgoingMessage("x" * max(1, QUEUE.size - size - room), attributes)
    before = mistake_in(message, QUEUE)
    assert mistake_in(with_context(message, context, QUEUE), QUEUE) == before


@pytest.mark.parametrize(("flags", "sampled"), [("00", 0), ("01", 1), ("02", 0), ("ff", 1)])
def test_what_is_not_sampled_is_not_said_to_be(flags: str, sampled: int) -> None:
    parent = f"{PARENT[:-2]}{flags}"
    assert sentry_trace_of(parent) == f"{TRACE}-{SPAN}-{sampled}"
    assert trace_header_of({"traceparent": parent}) == f"{HEADER[:-1]}{sampled}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("baggage", "ü"),
        ("baggage", "a\nb"),
        ("baggage", ""),
        ("", "a=b"),
        ("a b", "a=b"),
        ("a..b", "a=b"),
        ("AWS.trace", "a=b"),
        ("amazon.trace", "a=b"),
    ],
)
def test_what_the_services_would_refuse_is_not_carried_and_nothing_behind_it(name: str, value: str) -> None:
    context = {"traceparent": PARENT, name: value, "tracestate": "a=b"}
    assert list(with_context(OutgoingMessage("x"), context, TOPIC).attributes) == ["traceparent"]
