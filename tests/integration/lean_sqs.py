"""A lean SQS endpoint that injects faults: standard queues in memory, the AWS JSON protocol, loopback only.

python lean_sqs.py PORT

GET  /stats                                               counters, as JSON
POST /fill?queue=Q&n=N[&size=S][&visibility=V][&start=K]  send JSON bodies {"n": K.., "pad": "x" * S}
POST /raw?queue=Q[&visibility=V]                          send the request's lines, a message each
POST /delete?queue=Q                                      the queue is gone
POST /chaos?p500=&throttle=&drop=&dropafter=&partial=&lag=&expired=&denied=   rates 0..1, lag in seconds; none: calm
POST /reset                                               forget everything
"""

import asyncio
import random
import sys
from urllib.parse import parse_qs, urlsplit

import attrs
import orjson
from lean_queue import Answer
from lean_service import LeanSQS, Refusal


@attrs.define(eq=False)
class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection: a request at a time, answered in order."""

    sqs: LeanSQS
    transport: asyncio.Transport = attrs.field(init=False)
    buffer: bytes = b""
    task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.task is None:
            self.next_request()

    def next_request(self) -> None:
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            if headers.get("expect"):
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self.buffer = rest[length:]
        target = headers.get("x-amz-target", "").removeprefix("AmazonSQS.")
        self.task = asyncio.create_task(self.handle(first.split(" ")[1], target, rest[:length]))

    async def handle(self, path: str, operation: str, body: bytes) -> None:
        try:
            status, answer = 200, await self.route(path, operation, body)
        except Refusal as refusal:
            status, answer = refusal.status, {"__type": refusal.code, "message": refusal.message}
        except (KeyError, ValueError, TypeError) as error:
            status, answer = 400, {"__type": "InvalidParameterValue", "message": repr(error)}
        self.task = None
        if answer is None or self.transport.is_closing():
            self.transport.abort()
            return
        data = orjson.dumps(answer)
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(data)}\r\n\r\n"
        self.transport.write(head.encode() + data)
        self.next_request()

    async def route(self, path: str, operation: str, body: bytes) -> Answer | None:
        """Return the answer, or None where the connection is to be dropped."""
        if not operation:
            parts = urlsplit(path)
            options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            return self.sqs.control(parts.path, options, body.decode())
        await asyncio.sleep(random.random() * self.sqs.chaos.get("lag", 0))
        if self.sqs.strikes("drop"):
            return None
        answer = await self.sqs.answer(operation, orjson.loads(body or b"{}"))
        return None if self.sqs.strikes("dropafter") else answer


async def main(port: int) -> None:
    sqs = LeanSQS(f"http://127.0.0.1:{port}")
    server = await asyncio.get_running_loop().create_server(lambda: Connection(sqs), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
