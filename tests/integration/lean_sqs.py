"""A lean SQS endpoint that injects faults: standard queues in memory, the AWS JSON protocol, loopback only.

python lean_sqs.py PORT

GET  /stats                                               counters and CPU seconds, as JSON
POST /fill?queue=Q&n=N[&size=S][&visibility=V][&start=K]  send JSON bodies {"n": K.., "pad": "x" * S}
     with &refill=1 each deleted message is replaced by a new one, until it is filled with &refill=0
POST /raw?queue=Q[&visibility=V]                          send the request's lines, a message each
POST /delete?queue=Q                                      the queue is gone
POST /chaos?p500=&throttle=&drop=&dropafter=&partial=&lag=&expired=&denied=   rates 0..1, lag in seconds; none: calm
POST /reset                                               forget everything
"""

import asyncio
import random
import re
import sys
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qs, urlsplit

import attrs
import orjson
from lean_queue import Answer
from lean_service import LeanSQS, Refusal

HEADERS = re.compile(rb"\r\n(content-length|x-amz-target|expect):[ \t]*([^\r]*)", re.IGNORECASE)
"""The headers that matter; a signature is never looked at."""


@attrs.define(eq=False)
class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection: a request at a time, answered in order."""

    sqs: LeanSQS
    transport: asyncio.Transport = attrs.field(init=False)
    buffer: bytes = b""
    task: asyncio.Task[None] | None = None
    answering: bool = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Those of uvloop are of no class of asyncio.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.answering:
            self.next_request()

    def next_request(self) -> None:
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        headers = {name.lower(): value for name, value in HEADERS.findall(head)}
        length = int(headers.get(b"content-length", 0))
        if len(rest) < length:
            if b"expect" in headers:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self.buffer, self.answering = rest[length:], True
        target = headers.get(b"x-amz-target", b"").decode().removeprefix("AmazonSQS.")
        path = head.split(b" ", 2)[1].decode("latin1")
        self.task = asyncio.create_task(self.handle(path, target, rest[:length]))

    async def handle(self, path: str, operation: str, body: bytes) -> None:
        try:
            status, answer = 200, await self.route(path, operation, body)
        except Refusal as refusal:
            status, answer = refusal.status, {"__type": refusal.code, "message": refusal.message}
        except (KeyError, ValueError, TypeError) as error:
            status, answer = 400, {"__type": "InvalidParameterValue", "message": repr(error)}
        self.answering = False
        if answer is None or self.transport.is_closing():
            self.transport.abort()
            return
        data = orjson.dumps(answer)
        head = b"HTTP/1.1 %d -\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (status, len(data)) + data)
        if self.buffer:
            self.next_request()

    async def route(self, path: str, operation: str, body: bytes) -> Answer | None:
        """Return the answer, or None where the connection is to be dropped."""
        if not operation:
            parts = urlsplit(path)
            options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            return self.sqs.control(parts.path, options, body.decode())
        if "lag" in self.sqs.chaos:
            await asyncio.sleep(random.random() * self.sqs.chaos["lag"])
        if self.sqs.strikes("drop"):
            return None
        answer = await self.sqs.answer(operation, orjson.loads(body or b"{}"))
        return None if self.sqs.strikes("dropafter") else answer


async def main(port: int) -> None:
    sqs, loop = LeanSQS(f"http://127.0.0.1:{port}"), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(sqs), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the fastest loop there is."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = new_event_loop
    return made


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main(int(sys.argv[1])))
