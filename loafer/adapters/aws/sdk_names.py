"""Looks hosts up for the SDK as for the lean transport: on threads that nothing else uses."""

import socket
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import attrs
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver

from loafer.adapters.aws.aside import begun
from loafer.adapters.aws.names import Addresses

if TYPE_CHECKING:
    import asyncio


def resolver() -> AbstractResolver:
    """Return what looks hosts up for the SDK's HTTP sessions, which have each looked up once at a time."""
    return ThreadedResolver(cast("asyncio.AbstractEventLoop", _Threads()))


@attrs.frozen
class _Threads:
    """What aiohttp's own resolver uses of an event loop."""

    async def getaddrinfo(self, host: str, port: int, **options: Any) -> Addresses:
        return await begun(partial(socket.getaddrinfo, host, port, **options))

    async def getnameinfo(self, address: Any, flags: int = 0) -> tuple[str, str]:
        return await begun(partial(socket.getnameinfo, address, flags))
