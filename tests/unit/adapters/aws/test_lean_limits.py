"""What is more than any honest answer ends the connection, however it is cut; what is just as much is an answer."""

import asyncio
from typing import Any

import pytest
from lean_fakes import FakeHost, answer, http_to

from loafer.adapters.aws.bounds import LARGEST_ANSWER, LARGEST_HEAD, MOST_HEADERS, MOST_INFORMATIONAL, Excess
from loafer.adapters.aws.lean.connection import (
    Answer,
    Connection,
)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 -\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = 256 * 1024
"""So many bytes an event loop reads at once."""


def cut(data: bytes, size: int = PIECE) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def with_headers(number: int, text: str = "x") -> bytes:
    return answer(b"{}", 200, *(f"X-{count}: {text}" for count in range(number - 1)))


def with_head(size: int, body: bytes = b"{}") -> bytes:
    """Return an answer whose head has so many bytes."""
    head = f"HTTP/1.1 200 -\r\nContent-Length: {len(body)}\r\nX: ".encode()
    return head + b"x" * (size - len(head) - 4) + b"\r\n\r\n" + body


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(data), extension, data)


async def asked(data: bytes, monkeypatch: pytest.MonkeyPatch, room: int = LARGEST_ANSWER, size: int = PIECE) -> Answer:
    host = FakeHost([cut(data, size)])
    try:
        return await http_to(host, monkeypatch).post(b"request", room)
    except Excess:
        assert host.open == 0
        raise


@pytest.mark.parametrize("size", [PIECE, 1000])
@pytest.mark.parametrize(
    "data",
    [
        with_headers(MOST_HEADERS),
        with_headers(MOST_HEADERS, "x" * 600),
        with_head(LARGEST_HEAD),
        with_head(LARGEST_HEAD, b"x" * 300_000),
        CONTINUE * MOST_INFORMATIONAL + answer(b"{}"),
        answer(b"x" * (LARGEST_ANSWER - 50)),
        CHUNKED + chunk(b"x") * 1000 + b"0\r\nTrailer: x\r\n\r\n",
        CHUNKED + chunk(b"x" * 600_000) * 1 + chunk(b"y" * 300_000) + b"0\r\n\r\n",
    ],
    ids=["headers", "long headers", "head", "head and body", "informational", "body", "chunks", "large chunks"],
)
async def test_as_much_as_may_be_is_an_answer(data: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await asked(data, monkeypatch, size=size)).status == 200


@pytest.mark.parametrize("size", [PIECE, 1000])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (with_headers(MOST_HEADERS + 1), "more than 100 headers"),
        (b"HTTP/1.1 200 -\r\n" + b"a:\r\n" * 20_000, "more than 100 headers"),
        (with_head(LARGEST_HEAD + 1), "head of the answer is larger"),
        (b"HTTP/1.1 200 -\r\nX: " + b"x" * 200_000, "head of the answer is larger"),
        (b"HTTP/1.1 200 " + b"x" * 200_000, "head of the answer is larger"),
        (b"\r\n" * 100_000, "head of the answer is larger"),
        (CONTINUE * (MOST_INFORMATIONAL + 1), "more than 1000 informational"),
        (b"HTTP/1.1 103 -\r\nLink: x\r\n\r\n" * 4000, "more than 1000 informational"),
        ((b"HTTP/1.1 103 -\r\nLink: " + b"x" * 1000 + b"\r\n\r\n") * 100, "head of the answer is larger"),
        (answer(b"x" * LARGEST_ANSWER), "larger than what was asked for"),
        (CHUNKED + chunk(b"x" * 1000) * 2000, "larger than what was asked for"),
        (CHUNKED + chunk(b"xy") * 200_000, "larger than what was asked for"),
        (CHUNKED + chunk(b"x", b";e=" + b"y" * 1000) * 2000, "larger than what was asked for"),
        (CHUNKED + b"1;" + b"x" * 800_000, "without a part of the body"),
        (CHUNKED + chunk(b"x") + b"0\r\nTrailer: " + b"x" * 900_000, "without a part of the body"),
        (CHUNKED + chunk(b"x") + b"0\r\n" + b"a:\r\n" * 60_000, "more than 100 headers"),
        (b"HTTP/1.0 200 -\r\n\r\n" + b"x" * LARGEST_ANSWER, "larger than what was asked for"),
    ],
    ids=[
        "headers",
        "tiny headers",
        "head",
        "one header",
        "status line",
        "empty lines",
        "informational",
        "informational with headers",
        "informational with long headers",
        "body",
        "chunks",
        "small chunks",
        "chunk extensions",
        "a chunk extension",
        "a trailer",
        "trailers",
        "no length",
    ],
)
async def test_more_ends_the_connection(data: bytes, said: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Excess, match=said):
        await asked(data, monkeypatch, size=size)


@pytest.mark.parametrize("status", [300, 400, 503])
async def test_an_answer_that_is_no_success_may_not_be_as_large_as_messages_are(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = b"x" * (2 * LARGEST_ANSWER)
    assert (await asked(answer(large), monkeypatch, room=10 * LARGEST_ANSWER)).body == large
    with pytest.raises(Excess):
        await asked(answer(large, status), monkeypatch, room=10 * LARGEST_ANSWER)


async def test_the_bounds_are_those_of_one_answer_not_of_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    data = CONTINUE * 900 + with_headers(90, "x" * 100) + b""
    host = FakeHost([cut(data)] * 50)
    http = http_to(host, monkeypatch)
    for _ in range(50):
        assert (await http.post(b"request", 100_000)).body == b"{}"
    assert len(host.transports) == 1


async def test_bytes_without_end_on_an_idle_connection_close_it(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost([[answer(b"{}"), *cut(b"\r\n" * 600_000)]])
    await http_to(host, monkeypatch).post(b"request")
    await asyncio.sleep(1)
    assert host.open == 0


@pytest.mark.parametrize("parts", [1, 7, 100_000])
async def test_a_body_in_parts_is_put_together_as_it_comes(parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    body = bytes(range(256)) * 1000
    size = len(body) // parts or 1
    data = CHUNKED + b"".join(map(chunk, cut(body, size))) + b"0\r\n\r\n"
    host = FakeHost([cut(data)])
    http = http_to(host, monkeypatch)
    assert (await http.post(b"request", 10 * len(body))).body == body
    kept: Any = host.transports[0].connection
    assert isinstance(kept, Connection)
    assert kept._body == b""
