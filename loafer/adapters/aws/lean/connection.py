"""One connection of HTTP/1.1: a request at a time, and of its answer no more than an honest one would be."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import cast

import attrs
import httptools

from loafer.adapters.aws.bounds import (
    LARGEST_ANSWER,
    LARGEST_HEAD,
    MOST_HEADERS,
    MOST_INFORMATIONAL,
    REFUSAL,
    TOO_LARGE,
    Excess,
)
from loafer.ports.consumer import ANSWER_BEGINS

READ = 64 * 1024
"""Bytes that are read at once, into memory that is used again: asyncio would ask the system for 256 KiB each time."""

_spare: list[memoryview] = []
"""Memory that nothing is read into just now: one piece as a rule, for event loops hand over at once what they read."""

_INFORMATIONAL = 200
_LENGTHS = {b"content-length", b"transfer-encoding"}  # headers that tell where a body ends


class Lost(ConnectionError):
    """The connection ended before the answer was complete."""


@attrs.define  # a frozen one takes twice as long to make
class Answer:
    """What an HTTP request was answered with."""

    status: int
    raw_headers: Sequence[tuple[bytes, bytes]]
    body: bytes | bytearray = attrs.field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers, their names in lower case."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.raw_headers}


@attrs.define(eq=False, repr=False)
class Connection(asyncio.BufferedProtocol, asyncio.Protocol):
    """One connection, which carries one request at a time.

    Of the two ways to be given what comes, asyncio takes that with a buffer, and uvloop, which reads into memory of its
    own, the other one.

    Attributes:
        idle_since: When its last answer was complete.
        heard: True once something of the current answer has come.
        usable: True until the connection has ended or is to end.

    """

    idle_since: float = 0.0
    heard: bool = False
    usable: bool = False
    _transport: asyncio.Transport = attrs.field(init=False)
    _parser: httptools.HttpResponseParser = attrs.field(init=False)
    _reading: memoryview | None = attrs.field(default=None, init=False)
    _began: "Callable[[], object] | None" = attrs.field(default=None, init=False)  # to be told that an answer has begun
    _answer: "asyncio.Future[Answer] | None" = attrs.field(default=None, init=False)
    _in_body: bool = attrs.field(default=False, init=False)
    _headers: list[tuple[bytes, bytes]] = attrs.field(factory=list, init=False)
    _body: bytes | bytearray = attrs.field(default=b"", init=False)
    _most: int = attrs.field(default=LARGEST_ANSWER, init=False)  # bytes that the answer may have
    _room: int = attrs.field(default=LARGEST_HEAD, init=False)  # those of them that may still come
    _patience: int = attrs.field(default=LARGEST_HEAD, init=False)  # bytes that may come before something comes of them
    _informational: int = attrs.field(default=0, init=False)

    def ask(self, request: bytes, room: int = LARGEST_ANSWER) -> "asyncio.Future[Answer]":
        """Send a whole request; its answer, of `room` bytes at most, its head among them, is what the future comes to.

        Whoever no longer waits for it has to close the connection. The future raises:
            Lost: the connection ended before.
            Excess: it was closed, for what it brought.

        """
        self.heard, self._most, self._room, self._patience, self._informational = False, room, room, LARGEST_HEAD, 0
        self._answer = answer = asyncio.get_running_loop().create_future()
        self._began = ANSWER_BEGINS.get()
        self._transport.write(request)
        return answer

    def close(self) -> None:
        """End the connection, whatever it carries."""
        self.usable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)
        self.usable = True

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - as the protocol has it
        """Return where to put what comes; nobody else is given it until that is taken."""
        if self._reading is None:
            self._reading = _spare.pop() if _spare else memoryview(bytearray(READ))
        return self._reading

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has come."""
        reading, self._reading = self._reading, None
        if reading is not None:
            self.data_received(reading[:nbytes])
            _spare.append(reading)

    def data_received(self, data: bytes | memoryview) -> None:
        """Read on in the answer; what nobody asked for, is no HTTP or is too much ends the connection."""
        self.heard = True
        if self._began is not None:
            self._began()
            self._began = None
        try:
            self._read(data)
        except Excess as error:
            self._fail(error)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raised = error.__context__  # in a method of ours that the parser called
            self._fail(raised if isinstance(raised, Excess) else Lost(f"the answer is no HTTP: {error}"))

    def eof_received(self) -> None:
        """Take the end of the connection as the end of an answer that tells no other."""
        if self._in_body and not _LENGTHS & {name.lower() for name, _ in self._headers}:
            self.on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits for an answer."""
        self._fail(Lost(str(exc) if exc else "the connection was closed before the answer was complete"))

    def on_message_begin(self) -> None:
        """Begin to read an answer; one that nobody asked for must not become that of the next request."""
        self._headers, self._body = [], b""
        if self._answer is None or self._answer.done():
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header."""
        if len(self._headers) == MOST_HEADERS:
            raise Excess(f"the answer has more than {MOST_HEADERS} headers")
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Expect the body."""
        self._in_body = True
        if self._parser.get_status_code() >= REFUSAL:
            self._most, self._room = min(self._most, LARGEST_ANSWER), min(self._room, LARGEST_ANSWER)
        for name, value in self._headers:
            if name.lower() == b"content-length" and int(value) > self._most:
                raise Excess(TOO_LARGE)

    def on_body(self, body: bytes) -> None:
        """Read a part of the body."""
        self._patience = LARGEST_HEAD
        if not self._body:
            self._body = body
        elif isinstance(self._body, bytearray):
            self._body += body
        else:  # a list of the parts would take many times their bytes, where they are small
            self._body = bytearray(self._body)
            self._body += body

    def on_message_complete(self) -> None:
        """Hand the answer over."""
        self._in_body = False
        status = self._parser.get_status_code()
        if status < _INFORMATIONAL:
            self._count_informational()
            return
        self.idle_since = time.monotonic()
        # An answer to half a request leaves a server that may not want the other half.
        if not self._parser.should_keep_alive() or self._transport.get_write_buffer_size():
            self.close()
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(Answer(status, self._headers, self._body))
        self._body = b""

    def _read(self, data: bytes | memoryview) -> None:
        """Give bytes to the parser; Excess where there were too many before."""
        self._room -= len(data)
        if self._room < 0:
            raise Excess(TOO_LARGE)
        if not self._in_body and len(data) > self._patience:
            # The parser gets no more of a head than may be: it would put an endless one together, piece by piece.
            head, data = data[: self._patience], data[self._patience :]
            self._patience = 0
            self._parser.feed_data(head)
            if not self._in_body:
                raise Excess(f"the head of the answer is larger than {LARGEST_HEAD} bytes")
        self._patience -= len(data)
        self._parser.feed_data(data)
        if self._patience < 0:
            raise Excess(f"more than {LARGEST_HEAD} bytes came without a part of the body")

    def _count_informational(self) -> None:
        self._informational += 1
        if self._informational > MOST_INFORMATIONAL:
            raise Excess(f"more than {MOST_INFORMATIONAL} informational answers came")

    def _fail(self, error: Lost | Excess) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
