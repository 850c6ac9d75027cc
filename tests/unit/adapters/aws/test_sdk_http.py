"""How the SDK's transport reads a body."""

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from loafer.adapters.aws.bounds import Excess
from loafer.adapters.aws.sdk_http import PIECES_IN_A_TURN, in_turns

PIECES = 10 * PIECES_IN_A_TURN


def body(*pieces: bytes) -> StreamReader:
    """Return a body that has come whole, in these pieces."""
    loop = asyncio.get_running_loop()
    parser: Any = Mock()
    content = StreamReader(BaseProtocol(loop, parser), 64 * 1024, loop=loop)
    for piece in pieces:
        content.begin_http_chunk_receiving()
        content.feed_data(piece)
        content.end_http_chunk_receiving()
    content.feed_eof()
    return content


async def test_the_event_loop_has_its_turns_while_a_body_of_many_small_pieces_is_read() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    read = await in_turns(body(*[b"ab"] * PIECES), room=2 * PIECES)
    beside.cancel()
    assert read == b"ab" * PIECES
    assert turns >= PIECES // PIECES_IN_A_TURN


async def test_more_than_there_is_room_for_is_not_read() -> None:
    with pytest.raises(Excess):
        await in_turns(body(b"a" * 10, b"b"), room=10)
