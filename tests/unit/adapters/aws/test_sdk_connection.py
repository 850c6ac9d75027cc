"""The SDK's connections tell that an answer begins, as those of the lean transport do."""

import asyncio

import pytest
from aiohttp import SocketTimeoutError
from virtual_time import block

from loafer.adapters.aws.sdk_connection import BoundedHandler
from loafer.ports.consumer import ANSWER_BEGINS

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"


async def test_whoever_wants_to_know_is_told_once_that_an_answer_of_the_sdk_begins() -> None:
    begun: list[str] = []
    connection = BoundedHandler(loop=asyncio.get_running_loop())
    token = ANSWER_BEGINS.set(lambda: begun.append("begun"))
    for _ in range(2):
        connection.set_response_params()
        for byte in ANSWER:
            connection.data_received(bytes([byte]))
    ANSWER_BEGINS.reset(token)
    connection.set_response_params()
    connection.data_received(ANSWER)
    assert begun == ["begun"] * 2


def asked() -> BoundedHandler:
    """Return a connection that waits for an answer, for ten seconds."""
    connection = BoundedHandler(loop=asyncio.get_running_loop())
    connection.set_response_params(read_timeout=10.0)
    connection.start_timeout()
    return connection


async def test_an_answer_of_the_sdk_that_lay_unread_while_the_process_stood_still_is_read() -> None:
    connection = asked()
    reading = asyncio.ensure_future(connection.read())  # type: ignore[no-untyped-call, unused-ignore]
    await asyncio.sleep(0)
    for _ in range(3):  # as handlers that block one after another
        block(16)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    connection.data_received(ANSWER)
    message, _ = await reading
    assert message.code == 200


@pytest.mark.parametrize(("stalls", "until"), [(0, 10), (1, 17), (30, 480)])
async def test_what_never_comes_is_given_up(stalls: int, until: float) -> None:
    connection, began = asked(), asyncio.get_running_loop().time()
    for _ in range(stalls):
        block(16)
        await asyncio.sleep(0)
    with pytest.raises(SocketTimeoutError):
        await connection.read()  # type: ignore[no-untyped-call, unused-ignore]
    assert asyncio.get_running_loop().time() - began == pytest.approx(until, abs=1.5)
