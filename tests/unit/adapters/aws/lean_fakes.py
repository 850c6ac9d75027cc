"""Hosts without sockets, in virtual time; transports that are given their answers; a clean environment of AWS."""

import asyncio
import base64
import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import attrs
import pytest
from aiobotocore.config import AioConfig
from botocore.credentials import Credentials
from botocore.loaders import create_loader

from loafer.adapters.aws import credentials, session
from loafer.adapters.aws.lean import choice, plain
from loafer.adapters.aws.lean import connection as connections
from loafer.adapters.aws.lean import http as module
from loafer.adapters.aws.lean.choice import enter_lean_transport
from loafer.adapters.aws.lean.connection import Answer, Connection
from loafer.adapters.aws.lean.http import Http
from loafer.adapters.aws.lean.plain import SWITCH
from loafer.adapters.aws.lean.signature import Signer
from loafer.adapters.aws.lean.transport import LeanTransport
from loafer.adapters.aws.session import create_client, settling

GONE = b"<gone>"
"""In place of bytes: the other side closes the connection."""

LOADER = create_loader()

BINARY = base64.b64encode(b"\x00\xff").decode()
MESSAGE = {
    "MessageId": "1",
    "Body": "é😀\\ud83d",
    "ReceiptHandle": "r",
    "Attributes": {"SentTimestamp": "1700000000000"},
    "MessageAttributes": {
        "kind": {"DataType": "String", "StringValue": "new"},
        "picture": {"DataType": "Binary", "BinaryValue": BINARY},
    },
}
"""A message as SQS writes it, with every kind of attribute."""

Environ: TypeAlias = pytest.MonkeyPatch
Pieces: TypeAlias = Sequence[bytes]


def answer(body: bytes = b"{}", status: int = 200, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@attrs.define(eq=False)
class FakeTransport:
    """The transport of one connection; notes what is written to it."""

    host: "FakeHost"
    connection: Connection
    written: list[bytes] = attrs.field(factory=list)
    unsent: int = 0
    ended: bool = False

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self.host.answers(self)

    def abort(self) -> None:
        if not self.ended:
            self.ended = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def sends(self, data: bytes) -> None:
        """Do what the other side does: send bytes, or close."""
        if self.ended:
            return
        if data == GONE:
            self.connection.eof_received()
            self.abort()
        else:
            self.connection.data_received(data)


@attrs.define(eq=False)
class FakeHost:
    """Answers each request with the next script, a piece a turn, after `seconds`; with none left, never."""

    scripts: list[Pieces]
    seconds: float = 0
    transports: list[FakeTransport] = attrs.field(factory=list)

    async def connect(self, *_: object) -> Connection:
        await asyncio.sleep(0)
        connection = Connection()
        transport: Any = FakeTransport(self, connection)
        self.transports.append(transport)
        connection.connection_made(transport)
        return connection

    def answers(self, transport: FakeTransport) -> None:
        if self.scripts:
            loop = asyncio.get_running_loop()
            for number, piece in enumerate(self.scripts.pop(0)):
                loop.call_later(self.seconds + number / 1000, transport.sends, piece)

    @property
    def open(self) -> int:
        return sum(not transport.ended for transport in self.transports)


def http_to(host: FakeHost, monkeypatch: pytest.MonkeyPatch, limit: int = 10) -> Http:
    """Return the client of a host; to be called in a coroutine test, whose time is the client's too."""
    for place in (module, connections):
        monkeypatch.setattr(place, "time", SimpleNamespace(monotonic=asyncio.get_running_loop().time))
    monkeypatch.setattr(Http, "_connect", host.connect)
    return Http(urlsplit("http://host"), None, 5, limit)


@attrs.define(eq=False)
class FakeHttp:
    """Answers, or raises, what it is given, the last one again and again; notes every request."""

    answers: list[Answer | Exception]
    requests: list[bytes] = attrs.field(factory=list)
    rooms: list[int] = attrs.field(factory=list)
    idle_closed: bool = False
    closed: bool = False

    def close(self) -> None:
        self.closed = True

    def close_idle(self) -> None:
        self.idle_closed = True

    async def post(self, request: bytes, room: int) -> Answer:
        self.requests.append(request)
        self.rooms.append(room)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def dates(self) -> list[str]:
        """The time of day of each request."""
        return [request.partition(b"X-Amz-Date: ")[2][9:15].decode() for request in self.requests]


def lean(*answers: Answer | Exception) -> tuple[LeanTransport, FakeHttp]:
    async def credentials() -> Credentials:
        return Credentials("id", "secret", "token")

    http: Any = FakeHttp(list(answers))
    signer = Signer("host", "/", "eu-west-1", "test")
    return LeanTransport("http://host/", signer, http, credentials), http


def answered(body: bytes, status: int = 200, **headers: str) -> Answer:
    return Answer(status, [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()], body)


async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """Do without a thread, whose answer virtual time would have to wait for."""
    return function(*arguments)


def clean(environ: pytest.MonkeyPatch) -> None:
    """Set made-up credentials and a region, leave nothing else of the environment's AWS, and forget the session."""
    for name in os.environ:
        if name.upper().startswith("AWS_") or name.upper().endswith(("_PROXY", "_CA_BUNDLE")) or name == SWITCH:
            environ.delenv(name)
    environ.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    environ.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    environ.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    environ.setenv("AWS_CONFIG_FILE", os.devnull)
    environ.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    environ.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environ.setattr(asyncio, "to_thread", at_once)
    for place in (choice, plain):
        environ.setattr(place, "aside", at_once)
    environ.setattr(session, "_of_thread", threading.local())
    environ.setattr(credentials, "_pools", {})
    # Most of what a session costs is reading the SDK's files.
    session.shared_session().register_component("data_loader", LOADER)


@pytest.fixture
def aws_environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing of the machine's own AWS, and a session that has seen nothing yet."""
    clean(monkeypatch)
    return monkeypatch


async def chosen(config: AioConfig | None = None, region: str | None = None) -> LeanTransport | None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(create_client("sqs", region, config or settling()))
        return await enter_lean_transport(stack, client, "queue 'orders'", 1)


async def why_not(caplog: pytest.LogCaptureFixture, config: AioConfig | None = None) -> str:
    """Return why the lean transport is not taken, as the log says it; "" if it is."""
    caplog.set_level(logging.INFO, choice.__name__)
    if await chosen(config) is not None:
        return ""
    [line] = [record.getMessage() for record in caplog.records if record.name == choice.__name__]
    assert "\n" not in line
    return line.removeprefix("queue 'orders': every call goes through aiobotocore: ")


def use_profile(text: str, folder: Path, environ: Environ) -> None:
    file = folder / "config"
    file.write_text(f"[profile test]\n{text}\n")
    environ.setenv("AWS_CONFIG_FILE", str(file))
    environ.setenv("AWS_PROFILE", "test")
    for name in ("AWS_DEFAULT_REGION",) if "region" in text else ():
        environ.delenv(name)
