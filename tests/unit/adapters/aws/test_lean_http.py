"""HTTP over connections without sockets: whole answers, kept connections, and none that is in doubt."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lean_fakes import GONE, FakeHost, answer, http_to

from loafer.adapters.aws.lean.connection import Answer, Lost
from loafer.testing.clock import run

BODY = bytes(range(256))
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OPEN_ENDED = b"HTTP/1.0 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html>no</html>"
WHOLE = {
    "length": (answer(BODY, 200, "X-Name: a"), BODY),
    "chunks": (CHUNKED, b"hello world"),
    "empty": (answer(b""), b""),
    "no content": (b"HTTP/1.1 204 -\r\n\r\n", b""),
    "error": (answer(b"no", 503, "Connection: close"), b"no"),
    "after 100": (CONTINUE + answer(BODY), BODY),
    "until the end": (OPEN_ENDED + GONE, b"<html>no</html>"),
}


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places) if start < end]


def scripted(data: bytes, cuts: list[int]) -> list[bytes]:
    sent = data.removesuffix(GONE)
    return [*pieces_of(sent, cuts), *([GONE] if sent != data else [])]


async def asked(host: FakeHost) -> Answer:
    connection = await host.connect()
    return await connection.ask(b"request")


@pytest.mark.parametrize("kind", WHOLE)
def test_an_answer_is_the_same_byte_by_byte(kind: str) -> None:
    data, body = WHOLE[kind]
    for cuts in ([], list(range(len(data)))):
        found = run(asked(FakeHost([scripted(data, cuts)])))
        assert found.body == body
        assert str(found.status).encode() in data


@settings(deadline=None)
@given(kind=st.sampled_from(list(WHOLE)), cuts=st.lists(st.integers(0, 1000)))
def test_an_answer_is_the_same_however_it_is_cut(kind: str, cuts: list[int]) -> None:
    data, body = WHOLE[kind]
    whole, cut = run(asked(FakeHost([scripted(data, [])]))), run(asked(FakeHost([scripted(data, cuts)])))
    assert (cut, cut.body) == (whole, body)


@settings(deadline=None)
@given(bodies=st.lists(st.binary(max_size=50), min_size=1, max_size=4), cuts=st.lists(st.integers(0, 300)))
def test_answers_on_a_kept_connection_do_not_mix(bodies: list[bytes], cuts: list[int]) -> None:
    async def all_asked() -> list[bytes | bytearray]:
        connection = await FakeHost([pieces_of(answer(body), cuts) for body in bodies]).connect()
        return [(await connection.ask(b"request")).body for _ in bodies]

    assert run(all_asked()) == bodies


def test_the_names_of_headers_are_in_lower_case() -> None:
    assert run(asked(FakeHost([[answer(b"", 200, "X-Amzn-RequestId: Aé")]]))).headers == {
        "content-length": "0",
        "x-amzn-requestid": "AÃ©",  # headers are Latin-1
    }


@pytest.mark.parametrize(
    "script",
    [
        [GONE],
        [answer()[:10], GONE],
        [answer(b"12345")[:-1], GONE],
        [CHUNKED[:-3], GONE],
        [CONTINUE, GONE],
        [b"220 mail.example ESMTP\r\n"],
        [b"\x15\x03\x01\x00\x02\x02\x28"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
        [b"HTTP/1.1 101 -\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ],
    ids=["nothing", "head", "body", "chunks", "100", "mail", "TLS", "length", "upgrade"],
)
async def test_no_whole_answer_is_lost_and_ends_the_connection(
    script: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = FakeHost([script])
    with pytest.raises(Lost):
        await http_to(host, monkeypatch).post(b"request")
    assert (len(host.transports), host.open) == (1, 0)


async def test_neither_an_answer_nor_a_connection_shows_a_body() -> None:
    connection = await FakeHost([[answer(b"TOPSECRET")]]).connect()
    found = await connection.ask(b"request")
    assert "TOPSECRET" not in repr(found) + repr(connection)
