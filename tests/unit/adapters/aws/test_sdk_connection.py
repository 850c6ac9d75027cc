"""The SDK's connections tell that an answer begins, as those of the lean transport do."""

import asyncio

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
