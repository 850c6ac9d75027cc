"""An SQS endpoint with SQS's strictness, and with faults on request: the AWS JSON protocol, loopback only.

python -m strict.strict_sqs PORT

GET  /stats                    calls by operation and by worker, and each queue's counts
GET  /history?queue=Q          all that happened on a queue, with times
POST /fill?queue=Q             send messages: a JSON list of {"body": B, "group": G, "deduplication": D}
POST /redrive?queue=Q&to=R     move all visible messages as SQS's redrive does: new ids, all else as it is
POST /show?queue=Q             end all leases, as if their time were over
POST /faults[?seed=N]          have these faults and no others: JSON, {operation: {what: how}}; see strict_faults.py
POST /dialect?lost=CODE        tell of lost leases with this code, as localstack does
POST /reset                    forget everything

A worker is known by its access key: give each its own.
"""

import asyncio
import re
import sys
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import attrs
import orjson
from http_connection import HTTPConnection
from lean_sqs import loop_factory
from strict.stored import Answer, Refusal
from strict.strict_faults import UNCODED, Fault, Faults
from strict.strict_queue import new_message
from strict.strict_service import MISSING, Caller, StrictService

_ACCESS_KEY = re.compile(rb"Credential=([^/,\s]+)/")


@attrs.define(eq=False)
class StrictSQS:
    """The queues, the faults, and what was counted."""

    service: StrictService
    faults: Faults = attrs.field(factory=Faults)
    calls: dict[str, Counter[str]] = attrs.field(factory=dict)

    def count(self, operation: str, worker: str) -> None:
        self.calls.setdefault(operation, Counter())[worker] += 1

    def control(self, path: str, options: dict[str, str], body: bytes) -> object:
        now = self.service.now()
        match path:
            case "/stats":
                queues = {name: place.queue.counts(now) for name, place in self.service.places.items()}
                return {"calls": self.calls, "queues": queues}
            case "/history":
                queue = self.service.places[options["queue"]].queue
                queue.notice(now)
                return [attrs.asdict(event) for event in queue.history]
            case "/fill":
                self.fill(options["queue"], orjson.loads(body))
            case "/redrive":
                self.redrive(options["queue"], options["to"])
            case "/show":
                self.show(options["queue"])
            case "/faults":
                self.faults.set(orjson.loads(body), int(options["seed"]) if "seed" in options else None)
            case "/dialect":
                self.service.lost_code = options["lost"]
            case "/reset":
                self.service.places.clear()
                self.service.moves.tasks.clear()
                self.service.lost_code = ""
                self.calls.clear()
                self.faults.set({})
            case _:
                raise Refusal("NotFound", path, 404)
        return {}

    def fill(self, name: str, messages: list[dict[str, Any]]) -> None:
        place, now = self.service.places[name], self.service.now()
        for each in messages:
            message = new_message(str(uuid4()), each["body"], now)
            message.group = each.get("group")
            message.deduplication_id = (each.get("deduplication") or message.id) if place.queue.fifo else None
            place.queue.send(message, now)
        place.wake()

    def show(self, name: str) -> None:
        place, now = self.service.places[name], self.service.now()
        for message in place.queue.stored.values():
            message.visible_at = min(message.visible_at, now)
        place.queue.notice(now)
        place.wake()

    def redrive(self, name: str, target: str) -> None:
        place, now = self.service.places[target], self.service.now()
        for message in self.service.places[name].queue.take_all(now):
            moved = attrs.evolve(message, id=str(uuid4()), sent_at=now, visible_at=now, receives=0, receipt="")
            place.queue.store(moved, now)
        place.wake()


@attrs.define(eq=False)
class Connection(HTTPConnection):
    """One connection to the strict endpoint."""

    sqs: StrictSQS

    async def handle(self, path: str, operation: str, body: bytes) -> None:
        if not operation:
            parts = urlsplit(path)
            options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            self.write(200, orjson.dumps(self.sqs.control(parts.path, options, body)))
            return
        fault = self.sqs.faults.of(operation)
        await asyncio.sleep(fault.hold + self.sqs.faults.lag(fault.before))
        signed = _ACCESS_KEY.search(self.head)
        caller = Caller(signed[1].decode() if signed else "", self.transport.is_closing)
        self.sqs.count(operation, caller.name)
        if fault.uncoded:
            status, headers, page = UNCODED[fault.uncoded]
            self.write(status, page, headers)
            return
        status, answer, headers = await self.call(operation, orjson.loads(body or b"{}"), caller, fault)
        await asyncio.sleep(self.sqs.faults.lag(fault.after))
        if self.sqs.faults.strikes(fault.lost):
            self.abort()
        else:
            self.write(status, orjson.dumps(answer), b"Content-Type: application/x-amz-json-1.0\r\n" + headers)

    async def call(
        self, operation: str, request: dict[str, Any], caller: Caller, fault: Fault
    ) -> tuple[int, Answer, bytes]:
        """Return status, answer and the headers of an error."""
        faults = self.sqs.faults
        try:
            refusal = faults.refusal(fault, operation)
            if refusal is not None:
                raise refusal
            answer = await self.sqs.service.answer(operation, request, caller, lambda: faults.strikes(fault.failed))
        except Refusal as error:
            name = "QueueDoesNotExist" if error.code == MISSING else error.code.rpartition(".")[2]
            told = {"__type": f"com.amazonaws.sqs#{name}", "message": error.message}
            return error.status, told, f"x-amzn-query-error: {error.code};Sender\r\n".encode()
        return 200, answer, b""


async def main(port: int) -> None:
    sqs = StrictSQS(StrictService(f"http://127.0.0.1:{port}"))
    server = await asyncio.get_running_loop().create_server(lambda: Connection(sqs), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main(int(sys.argv[1])))
