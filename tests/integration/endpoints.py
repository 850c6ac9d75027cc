"""Starting the endpoints, and what tests do on them beside the code under test."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import attrs
import orjson
from aiobotocore.session import get_session

HERE = Path(__file__).parent
REGION = "eu-west-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""An AWS environment that reaches nothing but the endpoint which is set beside it."""

OTHER_AWS_NAMES = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SNS")


_PORTS = cycle(range(first := 12_000 + os.getpid() % 200 * 100, first + 100))
"""Ports of this process: not those that the system gives to whoever asks for any, who might have one before we do."""


def free_port() -> int:
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is no end of them")


@contextlib.contextmanager
def running(command: list[str], port: int, path: str, environ: Mapping[str, str] = {}) -> Iterator[str]:
    """Run a server on a port of the loopback, yield its URL once it answers, and stop it at the end."""
    url = f"http://127.0.0.1:{port}"
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env={**os.environ, **environ}, stdout=quiet, stderr=quiet) as server:
        try:
            _wait_for(url + path, server)
            yield url
        finally:
            server.terminate()
            try:
                server.wait(timeout=5)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_for(url: str, server: subprocess.Popen[bytes], seconds: float = 100) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the server for {url} ended with status {server.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=20):
                return
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer")


def ministack() -> contextlib.AbstractContextManager[str]:
    port = free_port()
    environ = {"GATEWAY_PORT": str(port), "LOG_LEVEL": "ERROR"}
    return running([sys.executable, "-m", "ministack"], port, "/_ministack/health", environ)


def moto() -> contextlib.AbstractContextManager[str]:
    port = free_port()
    return running(
        [sys.executable, str(HERE / "locked_moto.py"), "-H", "127.0.0.1", "-p", str(port)], port, "/moto-api/"
    )


def lean_sqs() -> contextlib.AbstractContextManager[str]:
    port = free_port()
    return running([sys.executable, str(HERE / "lean_sqs.py"), str(port)], port, "/stats")


@attrs.frozen
class FastSQS:
    """The control calls of the lean endpoint; see lean_sqs.py for what they take."""

    url: str

    async def stats(self) -> dict[str, Any]:
        answer: dict[str, Any] = orjson.loads(await self._call("/stats"))
        return answer

    async def fill(self, queue: str, n: int, **options: float) -> None:
        await self._call("/fill", {"queue": queue, "n": n, **options})

    async def raw(self, queue: str, bodies: list[str], **options: float) -> None:
        await self._call("/raw", {"queue": queue, **options}, "\n".join(bodies).encode())

    async def delete(self, queue: str) -> None:
        await self._call("/delete", {"queue": queue})

    async def chaos(self, **rates: float) -> None:
        """Inject these faults and no others."""
        await self._call("/chaos", rates)

    def reset(self) -> None:
        self._request("/reset", b"")

    async def _call(self, path: str, options: Mapping[str, object] = {}, body: bytes = b"") -> bytes:
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return await asyncio.to_thread(self._request, f"{path}?{query}", body)

    def _request(self, path: str, body: bytes) -> bytes:
        request = urllib.request.Request(self.url + path, data=body, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            data: bytes = answer.read()
            return data


def unique(name: str) -> str:
    """Return a name that no other test uses; a `.fifo` at its end stays there."""
    stem, dot, suffix = name.partition(".")
    return f"{stem}-{uuid4().hex[:8]}{dot}{suffix}"


def client(service: str) -> contextlib.AbstractAsyncContextManager[Any]:
    """Return a client that has nothing to do with the code under test."""
    made: contextlib.AbstractAsyncContextManager[Any] = _SESSION.create_client(service)  # type: ignore[call-overload, unused-ignore]
    return made


_SESSION = get_session()


async def create_queue(name: str, **attributes: str) -> str:
    """Create a queue and return its URL."""
    if name.endswith(".fifo"):
        attributes = {"FifoQueue": "true", **attributes}
    async with client("sqs") as sqs:
        return str((await sqs.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"])


async def create_topic(name: str) -> str:
    """Create a topic and return its ARN."""
    attributes = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
    async with client("sns") as sns:
        return str((await sns.create_topic(Name=name, Attributes=attributes))["TopicArn"])


async def queue_arn(url: str) -> str:
    """Return the ARN of the queue with a URL."""
    return (await queue_attributes(url, "QueueArn"))["QueueArn"]


async def queue_attributes(url: str, *names: str) -> dict[str, str]:
    async with client("sqs") as sqs:
        answer = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
    return dict(answer["Attributes"])


async def set_attributes(url: str, **attributes: str) -> None:
    async with client("sqs") as sqs:
        await sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


async def queue_counts(url: str) -> tuple[int, int]:
    """Return how many messages of a queue are visible, and how many are in flight."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    counts = await queue_attributes(url, *names)
    return int(counts[names[0]]), int(counts[names[1]])


async def subscribe(topic: str, queue: str, *, raw: bool = False) -> None:
    """Subscribe the queue with a URL to the topic with an ARN."""
    attributes = {"RawMessageDelivery": "true"} if raw else {}
    async with client("sns") as sns:
        await sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=await queue_arn(queue), Attributes=attributes)


async def send(url: str, body: str, **parameters: Any) -> str:
    """Send a message to the queue with a URL and return its id."""
    async with client("sqs") as sqs:
        return str((await sqs.send_message(QueueUrl=url, MessageBody=body, **parameters))["MessageId"])


async def create_redriven_queue(name: str, attempts: int = 3, **attributes: str) -> tuple[str, str]:
    """Create a queue with a dead-letter queue and return the URLs of both."""
    stem, dot, suffix = name.partition(".")
    dead_letters = await create_queue(f"{stem}-dead{dot}{suffix}")
    policy = await redrive_policy(dead_letters, attempts)
    return await create_queue(name, RedrivePolicy=policy, **attributes), dead_letters


async def redrive_policy(dead_letters: str, attempts: int) -> str:
    """Return the policy that moves messages to the queue with a URL."""
    return json.dumps({"deadLetterTargetArn": await queue_arn(dead_letters), "maxReceiveCount": attempts})
