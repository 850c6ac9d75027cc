"""A small HTTP server that says how workers are, on a thread and an event loop of its own: theirs may be blocked."""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

import attrs

logger = logging.getLogger(__name__)

LARGEST_HEAD = 8192
"""Bytes of a request that are read at most."""

PATIENCE = 5.0
"""Seconds in which a request has to be there, and its answer to be read."""

MOST_CONNECTIONS = 32
"""Connections at once; those beyond are closed."""

TEXT, JSON = "text/plain; charset=utf-8", "application/json"
METRICS = "text/plain; version=0.0.4; charset=utf-8"

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error"}
_REASONS |= {431: "Request Header Fields Too Large", 503: "Service Unavailable"}


@attrs.frozen
class Answer:
    """What is answered: a status of HTTP, a kind of content, and a text."""

    status: int
    kind: str
    text: str


Answers: TypeAlias = Callable[[str], Answer | None]
"""Answers a path; None: there is nothing there."""


def bound(address: str) -> socket.socket:
    """Return a socket that listens at HOST:PORT; OSError: it cannot, for somebody else does, say."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    return socket.create_server((host.strip("[]"), int(port)), family=family)


@contextmanager
def served(listening: socket.socket, answers: Answers) -> Iterator[None]:
    """Answer requests at a socket meanwhile, on a thread of its own; the socket is closed in the end."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    server = _Server(answers)

    def run() -> None:
        try:
            loop.run_until_complete(server.run(listening, stop))
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="loafer-status", daemon=True)
    thread.start()
    host, port = listening.getsockname()[:2]
    logger.info("health and metrics are served at http://%s:%s", f"[{host}]" if ":" in host else host, port)
    try:
        yield
    finally:
        with suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(stop.set)
        thread.join(1.0)


@attrs.define(eq=False)
class _Server:
    answers: Answers
    _open: int = attrs.field(default=0, init=False)

    async def run(self, listening: socket.socket, stop: asyncio.Event) -> None:
        async with await asyncio.start_server(self._connected, sock=listening, limit=LARGEST_HEAD):
            await stop.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MOST_CONNECTIONS:
                async with asyncio.timeout(PATIENCE):
                    writer.write(_bytes_of(await self._answer(reader)))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):  # whoever asked is gone, or too slow
            pass
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return Answer(431, TEXT, "too large\n")
        parts = head.partition(b"\r\n")[0].split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1.") or not parts[1].startswith(b"/"):  # noqa: PLR2004
            return Answer(400, TEXT, "no request of HTTP/1.1\n")
        if parts[0] != b"GET":
            return Answer(405, TEXT, "GET only\n")
        try:
            found = self.answers(parts[1].partition(b"?")[0].decode("latin-1"))
        except Exception:
            logger.exception("a question about the status could not be answered")
            return Answer(500, TEXT, "see the log\n")
        return found or Answer(404, TEXT, "there are /livez, /readyz, /metrics and /status\n")


def _bytes_of(answer: Answer) -> bytes:
    body = answer.text.encode()
    lines = [
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
        f"Content-Type: {answer.kind}",
        f"Content-Length: {len(body)}",
        *(["Allow: GET"] if answer.status == 405 else []),  # noqa: PLR2004 - as the text above
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
