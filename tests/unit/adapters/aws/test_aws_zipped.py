"""What is read of an answer that something on the way has compressed, unasked."""

import gzip
import io
import json
import zlib

import pytest
from botocore.exceptions import ClientError
from lean_fakes import MESSAGE, answered, at_once, lean

from loafer.adapters.aws import decoding
from loafer.adapters.aws.bounds import Excess
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.zipped import is_zipped, unzipped

MEGA = 1024 * 1024
RECEIVED = json.dumps({"Messages": [MESSAGE]}).encode()
REFUSED = b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such queue"}'
ONE = {"MaxNumberOfMessages": 1}
ZIPPED = gzip.compress(RECEIVED)


@pytest.fixture(autouse=True)
def without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "aside", at_once)


async def answer_to_a_receive(body: bytes, status: int = 200) -> object:
    transport, _ = lean(answered(body, status, **{"Content-Encoding": "gzip"}))
    return await transport.call("receive_message", ONE)


@pytest.mark.parametrize("body", [RECEIVED, RECEIVED + b" " * 2 * MEGA, b"{}"], ids=["small", "large", "empty"])
async def test_an_answer_that_was_compressed_on_the_way_is_read(body: bytes) -> None:
    assert await answer_to_a_receive(gzip.compress(body)) == json.loads(body)


async def test_nothing_is_counted_in_what_is_compressed() -> None:
    file = io.BytesIO()
    with gzip.GzipFile("[," * 100_000, "wb", 0, file) as zipped:  # the name stands before what is compressed
        zipped.write(RECEIVED + b" " * 2 * MEGA)
    assert await answer_to_a_receive(file.getvalue()) == json.loads(RECEIVED)


async def test_a_refusal_that_was_compressed_on_the_way_is_read() -> None:
    with pytest.raises(ClientError, match="QueueDoesNotExist"):
        await answer_to_a_receive(gzip.compress(REFUSED), 400)


@pytest.mark.parametrize("status", [200, 400])
async def test_a_compressed_answer_may_be_no_larger_than_one_that_is_not(status: int) -> None:
    body = b'{"message":"' + b"x" * 7 * MEGA + b'"}'
    with pytest.raises(UnreadableAnswer, match="larger than"):
        await answer_to_a_receive(gzip.compress(body), status)


@pytest.mark.parametrize("body", [b"<html>", ZIPPED, b"[]"], ids=["html", "twice", "a list"])
async def test_what_is_no_answer_is_none_when_it_was_compressed(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        await answer_to_a_receive(gzip.compress(body))


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(RECEIVED)[:-5],
        gzip.compress(RECEIVED) + b"more",
        b"\x1f\x8b\x08 none",
        gzip.compress(RECEIVED)[:2],
    ],
    ids=["cut", "longer", "garbage", "nothing"],
)
async def test_what_was_compressed_and_damaged_is_trouble_that_names_who_may_have_done_it(body: bytes) -> None:
    for status in (200, 503):
        with pytest.raises(UnreadableAnswer, match="a proxy perhaps, compressed the answer with gzip, unasked"):
            await answer_to_a_receive(body, status)


def test_only_gzip_is_taken_for_compressed() -> None:
    assert is_zipped(gzip.compress(b""))
    for body in (b"", b"\x1f", b"{}", b"<a/>", zlib.compress(b"{}")):
        assert not is_zipped(body)


def test_what_fits_exactly_fits() -> None:
    assert unzipped(gzip.compress(b"12345"), 5) == b"12345"
    with pytest.raises(Excess):
        unzipped(gzip.compress(b"123456"), 5)
