"""What is fuzzed: functions of bytes that return, whatever the bytes are, or raise what is documented."""

import asyncio
import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import attrs
from botocore import exceptions as sdk
from fuzz_signature import certificate, signature

from loafer.adapters.aws.address import queue_address, topic_address
from loafer.adapters.aws.answers import count_in, mapping_in, messages_in, redrive_policy_in, text_in
from loafer.adapters.aws.batches import results_of
from loafer.adapters.aws.bounds import Excess
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.errors import diagnose
from loafer.adapters.aws.lean.connection import Answer, Connection, Lost
from loafer.adapters.aws.lean.transport import _date_of, _refusal
from loafer.adapters.aws.saved import read_messages
from loafer.adapters.aws.sieve import _MARKS, _entry_of, _Sieve, sifted, value_of
from loafer.adapters.aws.telling import told
from loafer.adapters.aws.translator import SNSMessageTranslator, SQSMessageTranslator, StringMessageTranslator
from loafer.domain.lifecycle import InvalidTranslation
from loafer.domain.message import Message

Target: TypeAlias = Callable[[bytes], None]

ROOM = 5000
ENTRIES = 10
HALF_A_PAIR = re.compile("[\ud800-\udfff]")
STATUSES = (300, 302, 400, 403, 404, 429, 500, 503)


class Unexpected(AssertionError):
    """Something returned what it never may."""


def expect(holds: object, what: str) -> None:
    if not holds:
        raise Unexpected(what)


@attrs.define
class Silent:
    """A transport that sends nothing."""

    ended: bool = False

    def write(self, data: bytes) -> None:
        pass

    def abort(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return 0


@cache
def loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def http(data: bytes) -> None:
    """Bytes of HTTP: the first says how the others are cut, and whether the connection ends after them."""
    size, data = (data[0] & 0x7F) + 1 if data else 1, data[1:]
    connection, silent = Connection(), Silent()
    connection.connection_made(silent)  # type: ignore[arg-type]

    async def asked() -> Answer | None:
        asking = asyncio.ensure_future(connection.ask(b"request", ROOM))
        await asyncio.sleep(0)
        for start in range(0, len(data), size):
            connection.data_received(data[start : start + size])
        if size & 1:
            connection.eof_received()
            connection.connection_lost(None)
        if not asking.done():
            await asyncio.sleep(0)
            asking.cancel()
        try:
            return await asking
        except (Lost, Excess, asyncio.CancelledError):
            return None

    answer = loop().run_until_complete(asked())
    if answer is None:
        expect(silent.ended, "a connection that is in doubt was kept")
    else:
        expect(len(answer.body) <= ROOM and len(answer.raw_headers) <= 100, "more was read than may be")
        _date_of(answer)
        _refused(answer)


def receive(data: bytes) -> None:
    """An answer to ReceiveMessage, decoded whole and entry by entry."""
    whole = _decoded(lambda: value_of(data))
    sieved = _decoded(lambda: _carefully(data))
    if whole is not _NOTHING and sieved is not _NOTHING:
        expect(_same(whole, sieved), "entry by entry it is something else")
    for answer in (whole, sieved):
        if isinstance(answer, dict):
            _read(answer)


def batch(data: bytes) -> None:
    """An answer to a batch; the first byte says of how many entries."""
    size, data = (data[0] % ENTRIES + 1) if data else 1, data[1:]
    answer = _decoded(lambda: sifted(data, size))
    if isinstance(answer, dict):
        results = results_of(answer, size)
        expect(len(results) == size, "an entry has no result")
        for result in results:
            expect(result is None or result.reason.isprintable(), "a reason would break the log")


def refusal(data: bytes) -> None:
    """An error of SQS: the first byte chooses the status, then a header's value up to a line's end, then the body."""
    status, data = STATUSES[data[0] % len(STATUSES)] if data else 400, data[1:]
    header, _, body = data.partition(b"\n")
    _refused(Answer(status, [(b"x-amzn-query-error", header), (b"date", header)], body))


def envelope(data: bytes) -> None:
    """A body to translate, as JSON, as an SNS envelope, and as text."""
    body = _with_surrogates(data[1:]) if data[:1] == b"s" else data.decode("utf-8", "replace")
    message = Message("1", body, "r")
    for translate in (
        SQSMessageTranslator().translate,
        SNSMessageTranslator().translate,
        lambda text: SNSMessageTranslator().translate(text, message),
        SNSMessageTranslator(topics=["arn:aws:sns:eu-west-1:1:news"]).translate,
        StringMessageTranslator().translate,
    ):
        try:
            content = translate(body)["content"]
        except InvalidTranslation as error:
            expect(str(error), "it is refused without a reason")
        else:
            expect(_can_be_stored(content), "it cannot be stored")


def address(data: bytes) -> None:
    """What names a queue or a topic."""
    text = data.decode("utf-8", "replace")
    for parse in (queue_address, topic_address):
        try:
            found = parse(text)
        except ValueError as error:
            expect(str(error), "it is refused without a reason")
        else:
            expect(found.name and found.name.isascii(), "a queue has no name")


def replay(data: bytes) -> None:
    """A file of messages: JSON lines, what the AWS CLI prints, a Lambda event."""
    try:
        samples = read_messages(data.decode("utf-8", "replace"))
    except ValueError as error:
        expect(str(error).startswith("line "), "a mistake does not say where it is")
    else:
        expect(samples and all(isinstance(sample.message.body, str) for sample in samples), "a message is none")


def telling(data: bytes) -> None:
    """A text of a service."""
    line = told(data.decode("utf-8", "replace"), ["a body"])
    expect(line.isprintable() and len(line) <= 300, "it is no short line")


_NOTHING: Any = object()


def _with_surrogates(data: bytes) -> str:
    return data[: len(data) & ~1].decode("utf-16-le", "surrogatepass")


def _can_be_stored(content: Any) -> bool:
    """Tell whether there is neither infinity nor half a surrogate pair in a content."""
    values = [content]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += [*value, *value.values()]
        elif isinstance(value, list):
            values += value
        elif (isinstance(value, float) and not math.isfinite(value)) or (
            isinstance(value, str) and HALF_A_PAIR.search(value)
        ):
            return False
    return True


def _decoded(decode: Callable[[], Any]) -> Any:
    try:
        return decode()
    except (ValueError, Excess):
        return _NOTHING


def _carefully(data: bytes) -> Any:
    frame, places = _Sieve(data, _MARKS * (ENTRIES + 1)).sift(ENTRIES)
    decoded = value_of(frame)
    if not isinstance(decoded, dict):
        return decoded
    view = memoryview(data)
    return {
        name: [_entry_of(view, places, entry) for entry in value] if isinstance(value, list) else value
        for name, value in decoded.items()
    }


def _same(whole: Any, sieved: Any) -> bool:
    return repr(whole) == repr(sieved)  # where NaN is NaN


def _read(answer: dict[str, Any]) -> None:
    for read in (
        lambda: messages_in(answer, "orders", ENTRIES),
        lambda: text_in(answer, "QueueUrl"),
        lambda: redrive_policy_in(mapping_in(answer, "Attributes")),
        lambda: count_in(mapping_in(answer, "Attributes"), "VisibilityTimeout"),
    ):
        try:
            found = read()
        except UnreadableAnswer:
            continue
        for message in found if isinstance(found, list) else ():
            expect(message.id and message.receipt.isascii(), "a message has no id or no receipt")
            expect(isinstance(message.body, str) and message.receive_count > 0, "a message is none")
            hash((message.group, message.deduplication_id))


def _refused(answer: Answer) -> None:
    try:
        error: Exception | None = _refusal("receive_message", answer)
    except UnreadableAnswer as unreadable:
        error = unreadable
    if error is not None:
        expect(isinstance(error, sdk.ClientError | UnreadableAnswer), "an error is none of the SDK's")
        sentence = diagnose(error, "queue 'orders'", "eu-west-1", ["a body"]).sentence
        expect(sentence.isprintable(), "a sentence would break the log")


TARGETS: dict[str, Target] = {
    "http": http,
    "receive": receive,
    "batch": batch,
    "refusal": refusal,
    "envelope": envelope,
    "signature": signature,
    "certificate": certificate,
    "address": address,
    "replay": replay,
    "telling": telling,
}
