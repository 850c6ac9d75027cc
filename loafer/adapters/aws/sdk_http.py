"""The SDK's way over HTTP, within the bounds that hold for the lean transport too."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import aiohttp
import attrs
from aiobotocore import httpsession
from aiobotocore.httpsession import AIOHTTPSession

from loafer.adapters.aws.aside import aside
from loafer.adapters.aws.bounds import LARGEST_ANSWER, LARGEST_REFUSAL, REFUSAL, TOO_LARGE, Excess, asked_for
from loafer.adapters.aws.decoding import decoded
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.sdk_connection import BoundedHandler, Reading, current
from loafer.adapters.aws.sdk_parser import Read, hand_over
from loafer.adapters.aws.zipped import is_zipped, unzipped

_LONGEST_LIST = 1_000  # SQS lists so many queues at most
_MARKS = b"{", b"[", b",", b"<", b"="
_MOST_MARKS = 5_000
"""How many values an answer may hold that is not JSON-RPC, or an error: SNS lists 100 topics at most."""

PIECES_IN_A_TURN = 1_000
"""How many pieces of a body are read before the event loop has its turn; 10 000 kept it for 60 ms."""

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
        made = _Connector(limit=limit, ssl=tls, proxy_ssl_context=proxy_tls, **self._connector_args)
        made._factory = partial(BoundedHandler, loop=asyncio.get_running_loop())  # noqa: SLF001 - it has no other way in
        return made

    async def _get_session(self, proxy_url: str | None) -> "_Session":
        return _Session(await super()._get_session(proxy_url))


@attrs.frozen
class _Session:
    """What the SDK uses of a session of aiohttp."""

    session: aiohttp.ClientSession

    async def request(self, method: str, **options: Any) -> "_Answer":
        entries, most = _asked_for(options.get("headers", {}), options.get("data"))
        reading = Reading(most)
        current.set(reading)
        return _Answer(await self.session.request(method, allow_redirects=False, **options), entries, reading)


@attrs.frozen
class _Answer:
    """What the SDK uses of an answer of aiohttp.

    Attributes:
        answer: The answer.
        entries: How many entries were asked for; None: it is not JSON-RPC.
        reading: How it is read.

    """

    answer: aiohttp.ClientResponse
    entries: int | None
    reading: Reading

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
        """Return the body, as far as it is read; what is more than was asked for closes the connection.

        The parser hears of that: the SDK would send again what an endpoint has perhaps done.
        """
        body: bytes | bytearray = b""
        try:
            body = await self._body()
            read = Read(body, value=await self._value_of(body))
        except (Excess, UnreadableAnswer) as error:
            self._close()
            read = Read(body, error=UnreadableAnswer(str(error)))
        except BaseException:
            self._close()
            raise
        hand_over(read)
        return body

    def _close(self) -> None:
        self.answer.close()
        self.reading.close()  # aiohttp keeps the connection of an answer that was read to its end

    async def _body(self) -> bytes | bytearray:
        room = LARGEST_REFUSAL if self.status >= REFUSAL else self.reading.room
        body = await in_turns(self.answer.content, room)
        if is_zipped(body):
            return await aside(partial(unzipped, body, room))
        return body if len(body) > LARGEST_ANSWER else bytes(body)  # a copy of a large one takes a while

    async def _value_of(self, body: bytes | bytearray) -> dict[str, Any] | None:
        if self.entries is not None and self.status < REFUSAL:
            return await decoded(body, self.entries, room=0)
        if sum(map(body.count, _MARKS)) > _MOST_MARKS or b"<!ENTITY" in body:
            raise Excess("the answer holds more than was asked for")
        return None


async def in_turns(content: aiohttp.StreamReader, room: int) -> bytearray:
    """Read a body to its end, and let the event loop get on meanwhile: a piece of it may have two bytes.

    Raises:
        Excess: it has more bytes than there is room for.

    """
    body, pieces = bytearray(), 0
    async for piece, _ in content.iter_chunks():
        body += piece
        if len(body) > room:
            raise Excess(TOO_LARGE)
        pieces += 1
        if pieces % PIECES_IN_A_TURN == 0:
            await asyncio.sleep(0)
    return body


def _asked_for(headers: Mapping[str, str], body: object) -> tuple[int | None, int]:
    """Return how many entries and how many bytes the answer to a request may have; entries of JSON-RPC alone."""
    target = headers.get("X-Amz-Target")
    if target is None or not isinstance(body, str | bytes):
        return None, LARGEST_ANSWER
    parameters = json.loads(body)
    if not target.endswith(".ReceiveMessage") and "Entries" not in parameters:
        return _LONGEST_LIST, LARGEST_ANSWER
    return asked_for(parameters)
