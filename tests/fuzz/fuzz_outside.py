"""What a worker is asked from outside and says to it, and what messages tell of themselves beside their bodies."""

import asyncio
import json
import re

from fuzz_expecting import expect
from fuzz_http import loop

from loafer.adapters.aws.translator import SQSMessageTranslator
from loafer.adapters.aws.wire import message_of
from loafer.application.sight import MessageSight, NotTranslatedError
from loafer.domain.carrying import sentry_trace_of, trace_header_of, traceparent_of
from loafer.domain.choosing import Chooser
from loafer.domain.conditions import attribute, body, group, rule_of
from loafer.domain.lifecycle import InvalidTranslation
from loafer.domain.message import Message
from loafer.domain.metrics import Family, Sample, text_of
from loafer.entrypoints.commands.status import lines_of, worker_in
from loafer.entrypoints.worker.status_server import LARGEST_HEAD, TEXT, Answer, Server
from loafer.ports.carried import context_of

LINE = re.compile(r'x\{route="(?:[^"\\\n]|\\["\\n])*"\} 1\n')
CHOOSER: Chooser[int] = Chooser.of(
    [
        (rule_of(when), number)
        for number, when in enumerate(
            (
                attribute("type") == 1,
                attribute("type").isin({"a", 2.5}) & ~(group == "g"),
                body("a.b") == None,  # noqa: E711 - it makes a condition
                body("a").startswith("x") | body("c").present,
            )
        )
    ]
)


def health(data: bytes) -> None:
    """A request to the server of health."""
    reader = asyncio.StreamReader(LARGEST_HEAD, loop())
    reader.feed_data(data)
    reader.feed_eof()
    server = Server(lambda path: Answer(200, TEXT, path), "")
    try:
        found = loop().run_until_complete(server.answer(reader))
    except asyncio.IncompleteReadError:
        expect(b"\r\n\r\n" not in data[:LARGEST_HEAD], "a whole request is not answered")
    else:
        expect(found.status in {200, 400, 405, 421, 431}, "it is answered with a status that is none")


def status(data: bytes) -> None:
    """A status file."""
    worker = worker_in(data, 1e9)
    if worker is not None:
        expect(all(isinstance(line, str) for line in lines_of(worker)), "it cannot be shown")


def trace(data: bytes) -> None:
    """The context of a trace, in X-Ray's header, in attributes, and in an envelope."""
    text = data.decode("utf-8", "replace")
    for message in (Message("1", text, "r"), Message("1", "{}", "r", trace_header=text)):
        context = context_of(message)
        expect(all(isinstance(value, str) for value in context.values()), "a value is no text")
    found = traceparent_of(text)
    if found is not None:
        expect(sentry_trace_of(found), "it is no traceparent")
        again = trace_header_of({"traceparent": found})
        expect(again is not None and traceparent_of(again) == found, "it does not come back as it went")


def condition(data: bytes) -> None:
    """A message that is led to one of several routes."""
    try:
        sight = MessageSight(message_of(json.loads(data), "orders"))
    except (ValueError, RecursionError, AttributeError, TypeError):
        return  # the decoder of answers gives nothing but objects
    try:
        CHOOSER.choose(sight)
    except NotTranslatedError:
        try:
            sight.tell(SQSMessageTranslator().translate(sight.message.body))
        except InvalidTranslation:
            sight.tell(None)
        CHOOSER.choose(sight)


def metrics(data: bytes) -> None:
    """The name of a route, as a label for Prometheus."""
    name = data.decode("utf-8", "surrogateescape")
    family = Family("x", "gauge", "Meaning.", (Sample((("route", name),), 1.0),))
    text = text_of([family]).partition("# TYPE x gauge\n")[2]
    expect(LINE.fullmatch(text), "a name is more than a name")
