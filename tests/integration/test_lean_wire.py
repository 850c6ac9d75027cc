"""The lean transport on real sockets: TLS, session tokens, dead addresses, stale connections, large answers."""

import asyncio
import logging
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from endpoints import FastSQS, free_port
from lean_service import LeanSQS
from lean_sqs import Connection
from transports import check_consumer

from loafer.adapters.aws import session
from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.lean import connection
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import ConsumerUnavailable

FREQUENT = ("ReceiveMessage", "DeleteMessageBatch")
QUICK = {"WaitTimeSeconds": 0, "MaxNumberOfMessages": 10}


@asynccontextmanager
async def opened(source: str) -> AsyncIterator[SQSConsumer]:
    consumer = SQSConsumer(source, QUICK)
    await consumer.open()
    try:
        check_consumer(consumer)
        yield consumer
    finally:
        await consumer.close()


@asynccontextmanager
async def serving(
    environ: pytest.MonkeyPatch,
    tls: ssl.SSLContext | None = None,
    connection: Callable[[LeanSQS], Connection] = Connection,
) -> AsyncIterator[LeanSQS]:
    """Serve the queue `orders`, with three messages, on this event loop, as the endpoint of the environment."""
    port = free_port()
    sqs = LeanSQS(f"{'https' if tls else 'http'}://localhost:{port}")
    for number in range(3):
        sqs.queue("orders").put(str(number))
    environ.setenv("AWS_ENDPOINT_URL", sqs.base)
    server = await asyncio.get_running_loop().create_server(lambda: connection(sqs), "127.0.0.1", port, ssl=tls)
    async with server:
        yield sqs


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


def connect_anew(consumer: SQSConsumer) -> None:
    """Close the connection over which the queue was looked up."""
    assert consumer._opened is not None
    assert consumer._opened.queue.lean is not None
    consumer._opened.queue.lean.http.close_idle()


async def consume(sqs: LeanSQS) -> None:
    async with opened("orders") as consumer:
        messages = await consumer.receive(10)
        assert await consumer.acknowledge(messages) == [None] * 3
    assert sqs.queue("orders").deleted == 3


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
async def test_messages_are_received_and_deleted_over_tls(
    variable: str, tls: ssl.SSLContext, bundle: str, aws_environ: pytest.MonkeyPatch
) -> None:
    aws_environ.delenv("AWS_CA_BUNDLE", raising=False)
    aws_environ.setenv(variable, bundle)
    async with serving(aws_environ, tls) as sqs:
        await consume(sqs)


@pytest.mark.usefixtures("transport")
async def test_a_certificate_that_is_not_trusted_is_unavailable_in_one_line(
    tls: ssl.SSLContext, aws_environ: pytest.MonkeyPatch
) -> None:
    async with serving(aws_environ, tls):
        with pytest.raises(ConsumerUnavailable, match=r"^queue 'orders' cannot be reached for now .*certificate.*$"):
            await SQSConsumer("orders").open()


async def test_a_certificate_that_is_not_trusted_any_more_is_unavailable_in_one_line(
    tls: ssl.SSLContext, bundle: str, aws_environ: pytest.MonkeyPatch
) -> None:
    aws_environ.setenv("AWS_CA_BUNDLE", bundle)
    async with serving(aws_environ, tls), opened("orders") as consumer:
        trustme.CA().issue_cert("localhost").configure_cert(tls)
        connect_anew(consumer)
        with pytest.raises(ConsumerUnavailable, match=r"^queue 'orders' cannot be reached for now .*certificate.*$"):
            await consumer.receive(1)


async def test_a_certificate_of_another_host_is_unavailable(
    authority: trustme.CA, bundle: str, aws_environ: pytest.MonkeyPatch
) -> None:
    aws_environ.setenv("AWS_CA_BUNDLE", bundle)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    async with serving(aws_environ, tls), opened("orders") as consumer:
        authority.issue_cert("other.test").configure_cert(tls)
        connect_anew(consumer)
        with pytest.raises(ConsumerUnavailable, match="localhost"):
            await consumer.receive(1)


async def test_asyncio_reads_answers_into_memory_that_is_used_again(aws_environ: pytest.MonkeyPatch) -> None:
    places: set[int] = set()
    get = connection.Connection.get_buffer

    def noting(each: connection.Connection, sizehint: int) -> memoryview:
        places.add(id(place := get(each, sizehint)))
        return place

    aws_environ.setattr(connection.Connection, "get_buffer", noting)
    async with serving(aws_environ) as sqs:
        await consume(sqs)
    assert places


async def test_the_session_token_is_sent(aws_environ: pytest.MonkeyPatch) -> None:
    heads = []
    receive = Connection.data_received

    def noting(connection: Connection, data: bytes) -> None:
        heads.append(data)
        receive(connection, data)

    aws_environ.setattr(Connection, "data_received", noting)
    aws_environ.setenv("AWS_SESSION_TOKEN", "TOKEN/+=")
    aws_environ.setattr(session, "_of_thread", threading.local())  # credentials that it has found stay with a session
    async with serving(aws_environ) as sqs:
        await consume(sqs)
    frequent = [
        head for head in heads if b"AmazonSQS.ReceiveMessage" in head or b"AmazonSQS.DeleteMessageBatch" in head
    ]
    assert len(frequent) == 2
    for head in frequent:
        assert b"\r\nX-Amz-Security-Token: TOKEN/+=\r\n" in head
        assert b"x-amz-security-token" in head.partition(b"SignedHeaders=")[2].partition(b",")[0]


@contextmanager
def dead_address() -> Iterator[tuple[str, int]]:
    """Yield an address that never answers: its queue of connections is full, and stays so."""
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()


async def test_an_address_that_is_dead_costs_a_quarter_of_a_second(aws_environ: pytest.MonkeyPatch) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(aws_environ))
        consumer = await stack.enter_async_context(opened("orders"))
        dead = stack.enter_context(dead_address())
        look_up = socket.getaddrinfo

        def found(*arguments: Any, **options: Any) -> list[Any]:
            live = look_up(*arguments, **options)
            return [(*live[0][:4], dead), *[entry for entry in live if entry[0] == socket.AF_INET]]

        aws_environ.setattr(socket, "getaddrinfo", found)
        start = time.monotonic()
        assert len(await consumer.receive(3)) == 3
        assert time.monotonic() - start < 2


class Impatient(Connection):
    """Closes a connection that has been idle for a tenth of a second."""

    async def handle(self, path: str, operation: str, body: bytes) -> None:
        await super().handle(path, operation, body)
        asyncio.get_running_loop().call_later(0.1, self.transport.close)


class Forgetful(Connection):
    """Answers one frequent call, and closes the connection without a word when the next one comes."""

    async def handle(self, path: str, operation: str, body: bytes) -> None:
        if getattr(self, "answered", False):
            self.transport.abort()
            return
        self.answered = operation in FREQUENT
        await super().handle(path, operation, body)


async def works_without_trouble(
    environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, connection: type[Connection], pause: float
) -> None:
    async with serving(environ, connection=connection) as sqs, opened("orders") as consumer:
        for _ in range(3):
            [message] = await consumer.receive(1)
            await asyncio.sleep(pause)
            assert await consumer.acknowledge([message]) == [None]
            await asyncio.sleep(pause)
        assert sqs.queue("orders").deleted == 3
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.usefixtures("transport")
async def test_an_endpoint_that_closes_idle_connections_is_no_trouble(
    aws_environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await works_without_trouble(aws_environ, caplog, Impatient, 0.2)


async def test_a_kept_connection_that_is_closed_as_it_is_used_is_no_trouble(
    aws_environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await works_without_trouble(aws_environ, caplog, Forgetful, 0)


@pytest.mark.usefixtures("transport")
async def test_ten_messages_of_a_megabyte_come_at_once(fast_sqs: FastSQS) -> None:
    publisher = SQSPublisher("large")
    await fast_sqs.fill("large", 0)
    await publisher.open()
    sent = await publisher.publish_batch([OutgoingMessage("x" * 1_000_000)] * 10)
    await publisher.close()
    assert [result for result in sent if not isinstance(result, str)] == []
    async with opened("large") as consumer:
        messages = await consumer.receive(10)
        assert [len(message.body) for message in messages] == [1_000_000] * 10
        assert await consumer.acknowledge(messages) == [None] * 10


async def test_closing_the_consumer_leaves_no_connection(aws_environ: pytest.MonkeyPatch) -> None:
    made: list[Connection] = []

    def noting(sqs: LeanSQS) -> Connection:
        made.append(Connection(sqs))
        return made[-1]

    async with serving(aws_environ, connection=noting) as sqs:
        await consume(sqs)
        await asyncio.sleep(0.1)
        assert made
        assert all(connection.transport.is_closing() for connection in made)
