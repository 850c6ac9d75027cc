"""A small HTTP server that says how workers are, on a thread and an event loop of its own: theirs may be blocked."""

import asyncio
import logging
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from ipaddress import ip_address
from typing import TypeAlias

import attrs

from loafer.entrypoints.worker.neighbour import beside

logger = logging.getLogger(__name__)

LARGEST_HEAD = 8192
"""Bytes of a request that are read at most."""

PATIENCE = 5.0
"""Seconds in which a request has to be there, and its answer to be read."""

MOST_CONNECTIONS = 32
"""Connections at once; for one beyond, that which has been there for longest is closed: a probe needs no time."""

TEXT, JSON = "text/plain; charset=utf-8", "application/json"
METRICS = "text/plain; version=0.0.4; charset=utf-8"

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error"}
_REASONS |= {421: "Misdirected Request", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}


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
def served(listening: socket.socket, answers: Answers, name: str = "") -> Iterator[None]:
    """Answer requests at a socket meanwhile, on a thread of its own; the socket is closed in the end.

    Where this machine alone reaches it, it has the machine's own names, and the `name` that is given, but no others.
    """
    host, port = listening.getsockname()[:2]
    inside = ip_address(host).is_loopback
    server = Server(answers, name.lower() if inside else None)
    whom = "" if inside else ", without a password, to all who reach this address"
    shown = f"[{host}]" if ":" in host else host
    logger.info("health and metrics are served at http://%s:%s%s", shown, port, whom)
    with beside("loafer-status", partial(server.run, listening)):
        yield


@attrs.define(eq=False)
class Server:
    """Answers requests.

    Attributes:
        answers: Answers a path.
        name: What else than a name of this machine a request may call it; None: anything.

    """

    answers: Answers
    name: str | None = None
    _open: dict[asyncio.StreamWriter, None] = attrs.field(factory=dict, init=False)

    async def run(self, listening: socket.socket, stop: asyncio.Event) -> None:
        """Answer at a socket until it is to stop."""
        async with await asyncio.start_server(self._connected, sock=listening, limit=LARGEST_HEAD):
            await stop.wait()
            for writer in list(self._open):  # or else those that say nothing would be waited for
                writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = None
        if len(self._open) > MOST_CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.transport.abort()
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(_bytes_of(await self.answer(reader)))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):  # whoever asked is gone, or too slow
            pass
        except asyncio.CancelledError:  # the server ends; Python 3.11 would tell of it as of an error
            pass
        finally:
            self._open.pop(writer, None)
            writer.transport.abort()

    async def answer(self, reader: asyncio.StreamReader) -> Answer:
        """Return the answer to what is read; IncompleteReadError: it ends too early."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return Answer(431, TEXT, "too large\n")
        parts = head.partition(b"\r\n")[0].split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1.") or not parts[1].startswith(b"/"):  # noqa: PLR2004
            return Answer(400, TEXT, "no request of HTTP/1.1\n")
        if parts[0] != b"GET":
            return Answer(405, TEXT, "GET only\n")
        if self.name is not None and not _is_here(_host_in(head), self.name):
            # A web page that somebody looks at on this machine may have a name of its own lead here.
            return Answer(421, TEXT, "ask for localhost, or an address\n")
        try:
            found = self.answers(parts[1].partition(b"?")[0].decode("latin-1"))
        except Exception:
            logger.exception("a question about the status could not be answered")
            return Answer(500, TEXT, "see the log\n")
        return found or Answer(404, TEXT, "there are /livez, /readyz, /metrics and /status\n")


def _host_in(head: bytes) -> str:
    """Return the host that a request is for, in small letters and without its port; "" where it does not say."""
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    written = next((value for name, _, value in lines if name.strip().lower() == b"host"), b"")
    return re.sub(r":\d+$", "", written.decode("latin-1").strip().lower())


def _is_here(host: str, name: str) -> bool:
    """Tell whether a host is this machine, whoever answers for names; addresses are never in doubt."""
    if host in {"", "localhost", name} or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return bool(ip_address(host.removeprefix("[").removesuffix("]")))
    return False


def _bytes_of(answer: Answer) -> bytes:
    body = answer.text.encode(errors="replace")
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
