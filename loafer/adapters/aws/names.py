"""Looks hosts up on threads that nothing else uses: handlers may fill those of the event loop."""

import asyncio
import socket
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeAlias

import attrs

from loafer.adapters.aws.aside import begun

Addresses: TypeAlias = list[tuple[Any, ...]]
"""What `socket.getaddrinfo` returns."""


@attrs.define(eq=False)
class LookUp:
    """Looks one host up, once for all that ask at a time; who gives a look-up up leaves it to the others.

    Attributes:
        host: A name or an address.
        port: The port that the addresses are to have.

    """

    host: str
    port: int
    _ending: "asyncio.Future[Addresses] | None" = attrs.field(default=None, init=False)

    async def addresses(self) -> Addresses:
        """Return where to connect to; OSError if there is no such host."""
        if _is_address(self.host):
            return socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        if self._ending is None or self._ending.done():
            self._ending = begun(partial(socket.getaddrinfo, self.host, self.port, type=socket.SOCK_STREAM))
            self._ending.add_done_callback(_retrieve)
        return await asyncio.shield(self._ending)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _retrieve(ending: "asyncio.Future[Addresses]") -> None:
    """Look how it ended, for it may be that nobody waits for it any more."""
    if not ending.cancelled():
        ending.exception()
