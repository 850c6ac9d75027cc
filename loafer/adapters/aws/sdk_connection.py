"""A connection of aiohttp that reads no more of an answer than an honest one has."""

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import ClientError, ClientPayloadError
from aiohttp.client_proto import ResponseHandler

from loafer.adapters.aws.bounds import (
    LARGEST_ANSWER,
    LARGEST_HEAD,
    MOST_HEADERS,
    MOST_INFORMATIONAL,
    REFUSAL,
    TOO_LARGE,
    Excess,
)
from loafer.adapters.aws.deadlines import LATE, READING, STALLS
from loafer.ports.consumer import ANSWER_BEGINS

if TYPE_CHECKING:
    from collections.abc import Callable

_INFORMATIONAL = 200

READ_AT_ONCE = 64 * 1024
"""Bytes that are read from a connection in one turn of the event loop, where its transport can be told."""


@attrs.define(eq=False)
class Reading:
    """The reading of one answer.

    Attributes:
        room: How many bytes it may have.
        connection: What it is read from; None: nothing yet.

    """

    room: int
    connection: "BoundedHandler | None" = None

    def close(self) -> None:
        """End the connection, unless it reads another answer by now."""
        if self.connection is not None and self.connection.reading is self:
            self.connection.close()


current: ContextVar[Reading | None] = ContextVar("current", default=None)
"""How the answer to the next request of this context is read."""


class BoundedHandler(ResponseHandler):
    """A connection of aiohttp, which by itself bounds headers alone: how large one is, and how many there are."""

    reading: Reading | None = None
    _began: "Callable[[], object] | None" = None  # to be told that an answer has begun
    _left = LARGEST_ANSWER  # bytes that may still come
    _of_head = LARGEST_HEAD  # those of them that may come before the head of the answer has ended
    _informational = 0
    _in_body = False
    _spared = 0  # how often it was not given up, for its answer may have lain there unread

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read less at once than the event loop would: as tiny chunks, 256 KiB kept it for 60 ms."""
        if hasattr(transport, "max_size"):
            transport.max_size = READ_AT_ONCE
        super().connection_made(transport)

    def set_response_params(self, **options: Any) -> None:
        """Begin to read an answer."""
        self.reading, self._left, self._began = current.get(), LARGEST_ANSWER, ANSWER_BEGINS.get()
        if self.reading is not None:
            self.reading.connection, self._left = self, self.reading.room
        self._of_head, self._informational, self._in_body, self._spared = LARGEST_HEAD, 0, False, 0
        if "max_headers" in options:
            options["max_headers"] = min(options["max_headers"], MOST_HEADERS)
        super().set_response_params(**options)

    def _on_read_timeout(self) -> None:
        """Give the answer up, unless the process stood still, and it may lie there unread."""
        timer, loop = self._read_timeout_handle, asyncio.get_running_loop()
        if timer is not None and loop.time() > timer.when() + LATE and self._spared < STALLS:
            self._spared += 1
            self._read_timeout_handle = loop.call_later(READING, self._on_read_timeout)
        else:
            super()._on_read_timeout()

    def data_received(self, data: bytes) -> None:
        """Read on in the answer; what is too much ends the connection."""
        if self._began is not None:
            self._began()
            self._began = None
        self._left -= len(data)
        if self._left < 0:
            self._refuse(TOO_LARGE)
            return
        if not self._in_body and len(data) > self._of_head:
            # The parser gets no more of a head than may be: it makes a message of each informational answer at once.
            head, data = data[: self._of_head], data[self._of_head :]
            super().data_received(head)
            if not self._in_body:
                self._refuse(f"the head of the answer is larger than {LARGEST_HEAD} bytes")
                return
        self._of_head -= len(data)
        super().data_received(data)
        if self._informational > MOST_INFORMATIONAL:
            self._refuse(f"more than {MOST_INFORMATIONAL} informational answers came")

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take a head from the parser."""
        message = data[0]
        self._in_body = message.code >= _INFORMATIONAL
        self._informational += not self._in_body
        super().feed_data(data, size)
        most = LARGEST_ANSWER if self.reading is None or message.code >= REFUSAL else self.reading.room
        if int(message.headers.get("Content-Length", 0)) > most:
            self._refuse(TOO_LARGE)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Fail whoever waits for the answer, its body too.

        aiohttp itself tells whoever waits for the head alone when its parser refuses what came behind that.
        """
        body = self._payload
        if body is not None and not body.is_eof() and body.exception() is None:
            told = isinstance(exc, (Excess, ClientError))
            body.set_exception(exc if told else ClientPayloadError("what came is no HTTP"))
        super().set_exception(exc, *cause)

    def _refuse(self, why: str) -> None:
        if self.transport is not None:
            self.transport.close()
        self.set_exception(Excess(why))
