"""HTTP/1.1 to one host, with as little as a request needs: kept connections, and a parser written in C."""

import asyncio
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from typing import cast
from urllib.parse import SplitResult

import aiohappyeyeballs
import attrs
import httptools

IDLE_LIMIT = 12
"""Seconds after which an idle connection is not used again: something on the way may have forgotten it (as the SDK)."""

ADDRESS_DELAY = 0.25
"""Seconds that one address of a host gets before the next one is tried beside it.

https://datatracker.ietf.org/doc/html/rfc8305#section-5
"""

_INFORMATIONAL = 200
_LENGTHS = {b"content-length", b"transfer-encoding"}  # headers that tell where a body ends


class Lost(ConnectionError):
    """The connection ended before the answer was complete."""


@attrs.frozen(slots=True)
class Answer:
    """What an HTTP request was answered with."""

    status: int
    raw_headers: Sequence[tuple[bytes, bytes]]
    body: bytes = attrs.field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers, their names in lower case."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.raw_headers}


@attrs.define(eq=False, repr=False)
class Connection(asyncio.Protocol):
    """One connection, which carries one request at a time.

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
    _answer: "asyncio.Future[Answer] | None" = attrs.field(default=None, init=False)
    _in_body: bool = attrs.field(default=False, init=False)
    _headers: list[tuple[bytes, bytes]] = attrs.field(factory=list, init=False)
    _body: list[bytes] = attrs.field(factory=list, init=False)

    async def ask(self, request: bytes) -> Answer:
        """Send a whole request and return its answer; Lost if the connection ends before."""
        self.heard = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None

    def close(self) -> None:
        """End the connection, whatever it carries."""
        self.usable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        """Read on in the answer; what nobody asked for, or is no HTTP, ends the connection."""
        self.heard = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(Lost(f"the answer is no HTTP: {error}"))

    def eof_received(self) -> None:
        """Take the end of the connection as the end of an answer that tells no other."""
        if self._in_body and not _LENGTHS & {name.lower() for name, _ in self._headers}:
            self.on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits for an answer."""
        self._fail(Lost(str(exc) if exc else "the connection was closed before the answer was complete"))

    def on_message_begin(self) -> None:
        """Begin to read an answer; one that nobody asked for must not become that of the next request."""
        self._headers, self._body = [], []
        if self._answer is None or self._answer.done():
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Expect the body."""
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        """Read a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand the answer over."""
        self._in_body = False
        status = self._parser.get_status_code()
        if status < _INFORMATIONAL:
            return
        self.idle_since = time.monotonic()
        # An answer to half a request leaves a server that may not want the other half.
        if not self._parser.should_keep_alive() or self._transport.get_write_buffer_size():
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(status, self._headers, b"".join(self._body)))

    def _fail(self, error: Lost) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


@attrs.define(eq=False)
class Http:
    """The connections to one host; belongs to one event loop.

    Attributes:
        url: Scheme, host and port.
        tls: How to speak TLS; None: not at all.
        connect_timeout: Seconds until a connection must be made.
        limit: How many connections there are at once at most; further requests wait.

    """

    url: SplitResult
    tls: ssl.SSLContext | None
    connect_timeout: float
    limit: int
    _idle: deque[Connection] = attrs.field(factory=deque, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _places: asyncio.Semaphore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the places."""
        self._places = asyncio.Semaphore(self.limit)

    async def post(self, request: bytes) -> Answer:
        """Send a whole request and return its answer.

        Raises:
            OSError: there is no connection; TimeoutError and ssl.SSLError are such.
            Lost: there was one, and it ended.

        """
        async with self._places:
            kept = self._take_idle()
            if kept is not None:
                try:
                    return await self._ask(kept, request)
                except Lost:
                    if kept.heard:
                        raise
                    # It was closed from the other side while it lay idle: that says nothing about a new one.
            return await self._ask(await self._connect(), request)

    def close(self) -> None:
        """Close what is idle, and what is in use once it has its answer."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, connection: Connection, request: bytes) -> Answer:
        answer = await connection.ask(request)
        if self._closed:
            connection.close()
        elif connection.usable:
            self._idle.append(connection)
        return answer

    def _take_idle(self) -> Connection | None:
        oldest = time.monotonic() - IDLE_LIMIT
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        host = self.url.hostname or ""
        port = self.url.port or (443 if self.tls else 80)
        async with asyncio.timeout(self.connect_timeout):
            addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            made = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=ADDRESS_DELAY, interleave=1)
            name = host if self.tls else None
            _, connection = await loop.create_connection(Connection, sock=made, ssl=self.tls, server_hostname=name)
        return connection
