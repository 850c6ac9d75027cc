"""One connection of an endpoint that speaks just enough HTTP/1.1: a request at a time, answered in order."""

import asyncio
import re
from abc import abstractmethod
from typing import cast

import attrs

HEADERS = re.compile(rb"\r\n(content-length|x-amz-target|expect):[ \t]*([^\r]*)", re.IGNORECASE)
"""The headers that matter; a signature is never looked at."""


@attrs.define(eq=False)
class HTTPConnection(asyncio.Protocol):
    """Reads requests, and has each one handled before it reads the next.

    Attributes:
        head: Request line and headers of the request that is handled.
        answering: True until that request is answered.

    """

    transport: asyncio.Transport = attrs.field(init=False)
    head: bytes = attrs.field(default=b"", init=False)
    buffer: bytes = attrs.field(default=b"", init=False)
    task: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    answering: bool = attrs.field(default=False, init=False)

    @abstractmethod
    async def handle(self, path: str, operation: str, body: bytes) -> None:
        """Handle a request: `write` its answer, or end the connection; nobody cancels it if the client is gone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Those of uvloop are of no class of asyncio.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.answering:
            self.next_request()

    def next_request(self) -> None:
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        headers = {name.lower(): value for name, value in HEADERS.findall(head)}
        length = int(headers.get(b"content-length", 0))
        if len(rest) < length:
            if b"expect" in headers:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self.head, self.buffer, self.answering = head, rest[length:], True
        target = headers.get(b"x-amz-target", b"").decode().removeprefix("AmazonSQS.")
        path = head.split(b" ", 2)[1].decode("latin1")
        self.task = asyncio.create_task(self.handle(path, target, rest[:length]))

    def write(self, status: int, data: bytes, headers: bytes = b"Content-Type: application/x-amz-json-1.0\r\n") -> None:
        """Write an answer, and read on."""
        self.answering = False
        if self.transport.is_closing():
            self.abort()
            return
        self.transport.write(b"HTTP/1.1 %d -\r\n%sContent-Length: %d\r\n\r\n" % (status, headers, len(data)) + data)
        if self.buffer:
            self.next_request()

    def abort(self) -> None:
        """End the connection without an answer."""
        self.answering = False
        self.transport.abort()
