"""A lean SQS endpoint that injects faults: queues in memory, the AWS JSON protocol, loopback only.

python lean_sqs.py PORT

GET  /stats                                               counters and CPU seconds, as JSON
POST /fill?queue=Q&n=N[&size=S][&visibility=V][&start=K]  send JSON bodies {"n": K.., "pad": "x" * S}
     with &records=1 the bodies are records of about S bytes; on a queue named *.fifo there are G groups with &groups=G
     with &refill=1 each deleted message is replaced by a new one, until it is filled with &refill=0
POST /raw?queue=Q[&visibility=V]                          send the request's lines, a message each
POST /delete?queue=Q                                      the queue is gone
POST /chaos?p500=&throttle=&drop=&dropafter=&partial=&lag=&expired=&denied=   rates 0..1, lag in seconds; none: calm
POST /reset                                               forget everything
"""

import asyncio
import random
import sys
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import attrs
import orjson
from http_connection import HTTPConnection
from lean_queue import Answer
from lean_service import LeanSQS, Refusal


@attrs.define(eq=False)
class Connection(HTTPConnection):
    """One connection to the lean endpoint."""

    sqs: LeanSQS

    async def handle(self, path: str, operation: str, body: bytes) -> None:
        try:
            status, answer = 200, await self.route(path, operation, body)
        except Refusal as refusal:
            status, answer = refusal.status, {"__type": refusal.code, "message": refusal.message}
        except (KeyError, ValueError, TypeError) as error:
            status, answer = 400, {"__type": "InvalidParameterValue", "message": repr(error)}
        if answer is None:
            self.abort()
        else:
            self.write(status, orjson.dumps(answer))

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
