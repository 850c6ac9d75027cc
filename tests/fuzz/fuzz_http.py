"""Bytes of HTTP, and errors of SQS: what comes over a connection, however it is cut."""

import asyncio
from functools import cache

import attrs
from botocore import exceptions as sdk
from fuzz_expecting import expect

from loafer.adapters.aws.bounds import Excess
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.errors import diagnose
from loafer.adapters.aws.lean.connection import Answer, Connection, Lost
from loafer.adapters.aws.lean.refusals import refusal_in
from loafer.adapters.aws.lean.transport import _date_of

ROOM = 5000
STATUSES = (300, 302, 400, 403, 404, 429, 500, 503)


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
        except (Lost, Excess):
            return None
        except asyncio.CancelledError:
            connection.close()  # as whoever no longer waits for an answer has to
            return None

    answer = loop().run_until_complete(asked())
    if answer is None:
        expect(silent.ended, "a connection that is in doubt was kept")
    else:
        expect(len(answer.body) <= ROOM and len(answer.raw_headers) <= 100, "more was read than may be")
        _date_of(answer)
        _refused(answer)


def refusal(data: bytes) -> None:
    """An error of SQS: the first byte chooses the status, then a header's value up to a line's end, then the body."""
    status, data = STATUSES[data[0] % len(STATUSES)] if data else 400, data[1:]
    header, _, body = data.partition(b"\n")
    _refused(Answer(status, [(b"x-amzn-query-error", header), (b"date", header)], body))


def _refused(answer: Answer) -> None:
    try:
        error: Exception | None = refusal_in(answer, "ReceiveMessage")
    except UnreadableAnswer as unreadable:
        error = unreadable
    if error is not None:
        expect(isinstance(error, sdk.ClientError | UnreadableAnswer), "an error is none of the SDK's")
        sentence = diagnose(error, "queue 'orders'", "eu-west-1", ["a body"]).sentence
        expect(sentence.isprintable(), "a sentence would break the log")
