"""The SDK's way over HTTP, within the bounds that hold for the lean transport too."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import aiohttp
import attrs
from aiobotocore import httpsession
from aiobotocore.httpsession import AIOHTTPSession

from loafer.adapters.aws.aside import aside
from loafer.adapters.aws.bounds import LARGEST_ANSWER, Excess, asked_for
from loafer.adapters.aws.sieve import is_plain, sifted

_Connector: Any = getattr(httpsession, "_ProxySSLTCPConnector", None)


class BoundedSession(AIOHTTPSession):  # type: ignore[misc]
    """The SDK's HTTP session, which follows no redirect and reads no answer that is larger than what was asked for.

    A redirect would take the request to another host, with the session token and the message. The SDK has no switch
    for either bound, and no other place to set one than where it gets the session of aiohttp.
    """

    async def _create_connector(self, proxy_url: str | None) -> Any:
        # The SDK reads the certificates on a thread of the event loop's own, which handlers may have filled.
        if _Connector is None:
            return await super()._create_connector(proxy_url)
        tls, proxy_tls = await aside(partial(self._build_ssl_contexts, proxy_url))
        limit = self._max_pool_connections
        return _Connector(limit=limit, ssl=tls, proxy_ssl_context=proxy_tls, **self._connector_args)

    async def _get_session(self, proxy_url: str | None) -> "_Session":
        return _Session(await super()._get_session(proxy_url))


@attrs.frozen
class _Session:
    """What the SDK uses of a session of aiohttp."""

    session: aiohttp.ClientSession

    async def request(self, method: str, **options: Any) -> "_Answer":
        asked = _asked_for(options.get("headers", {}), options.get("data"))
        return _Answer(await self.session.request(method, allow_redirects=False, **options), *asked)


@attrs.frozen
class _Answer:
    """What the SDK uses of an answer of aiohttp.

    Attributes:
        answer: The answer.
        entries: How many entries were asked for; None: its body is not looked through.
        room: How many bytes it may have.

    """

    answer: aiohttp.ClientResponse
    entries: int | None
    room: int

    @property
    def url(self) -> object:
        return self.answer.url

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return self.answer.raw_headers

    async def read(self) -> bytes | bytearray:
        """Return the body; Excess, the connection closed, if it is more than was asked for."""
        try:
            body = await self._body()
            if self.entries is not None and not is_plain(body):
                await aside(partial(sifted, body, self.entries))
        except BaseException:
            self.answer.close()
            raise
        return body

    async def _body(self) -> bytes | bytearray:
        body = bytearray()
        async for part in self.answer.content.iter_any():
            body += part
            if len(body) > self.room:
                raise Excess("the answer is larger than what was asked for can be")
        return body if len(body) > LARGEST_ANSWER else bytes(body)  # a copy of a large one takes a while


def _asked_for(headers: Mapping[str, str], body: object) -> tuple[int | None, int]:
    """Return how many entries and how many bytes the answer to a request may have; entries only where it is JSON."""
    target = headers.get("X-Amz-Target")
    if target is None or not isinstance(body, str | bytes):
        return None, LARGEST_ANSWER
    entries, room = asked_for(json.loads(body))
    return entries, room if target.endswith(".ReceiveMessage") else LARGEST_ANSWER
