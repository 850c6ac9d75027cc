"""HTTP/1.1 to one host, with as little as a request needs: connections that are kept."""

import asyncio
import ssl
import time
from collections import deque
from urllib.parse import SplitResult

import aiohappyeyeballs
import attrs

from loafer.adapters.aws.bounds import LARGEST_ANSWER
from loafer.adapters.aws.lean.connection import Answer, Connection, Lost
from loafer.adapters.aws.lean.places import Places
from loafer.adapters.aws.names import LookUp

IDLE_LIMIT = 12
"""Seconds after which an idle connection is not used again: something on the way may have forgotten it (as the SDK)."""

ADDRESS_DELAY = 0.25
"""Seconds that one address of a host gets before the next one is tried beside it.

https://datatracker.ietf.org/doc/html/rfc8305#section-5
"""


_OWN_PORTS = {"http": 80, "https": 443}


def host_of(url: SplitResult) -> str:
    """Return the host of a URL as a request names it: with its port, unless that is the scheme's own."""
    name = url.hostname or ""
    name = f"[{name}]" if ":" in name else name
    return name if url.port in (None, _OWN_PORTS[url.scheme]) else f"{name}:{url.port}"


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
    _places: Places = attrs.field(init=False)
    _look_up: LookUp = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the places."""
        self._places = Places(self.limit)
        self._look_up = LookUp(self.url.hostname or "", self.url.port or (443 if self.tls else 80))

    async def post(self, request: bytes, room: int = LARGEST_ANSWER) -> Answer:
        """Send a whole request and return its answer, of `room` bytes at most.

        Raises:
            OSError: there is no connection; TimeoutError and ssl.SSLError are such.
            Lost: there was one, and it ended.
            Excess: it was closed, for what it brought.

        """
        if not self._places.take():
            await self._places.turn()
        connection: Connection | None = None
        try:
            connection = self._take_idle()
            if connection is not None:
                try:
                    return self._answered(connection, await connection.ask(request, room))
                except Lost:
                    if connection.heard:
                        raise
                    # It was closed from the other side while it lay idle: that says nothing about a new one.
            connection = await self._connect()
            return self._answered(connection, await connection.ask(request, room))
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        finally:
            self._places.leave()

    def close(self) -> None:
        """Close what is idle, and what is in use once it has its answer."""
        self._closed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _answered(self, connection: Connection, answer: Answer) -> Answer:
        """Keep a connection that has answered."""
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
        async with asyncio.timeout(self.connect_timeout):
            addresses = await self._look_up.addresses()
            made = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=ADDRESS_DELAY, interleave=1)
            name = self._look_up.host if self.tls else None
            _, connection = await loop.create_connection(Connection, sock=made, ssl=self.tls, server_hostname=name)
        return connection
