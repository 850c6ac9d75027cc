"""The operations of the lean SQS endpoint, its control calls, and the faults it injects."""

import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from lean_fifo import LeanFifo
from lean_queue import Answer, LeanQueue

Request = dict[str, Any]


class Refusal(Exception):
    """An answer that is an error: the status, the error's code, its message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message


FAULTS = {
    "p500": (500, "com.amazonaws.sqs#InternalFailure", "injected"),
    "throttle": (400, "com.amazonaws.sqs#RequestThrottled", "injected"),
    "expired": (403, "com.amazon.coral.service#ExpiredTokenException", "The security token in the request is expired"),
    "denied": (403, "com.amazon.coral.service#AccessDeniedException", "not authorized to perform this"),
}
MISSING = Refusal(400, "com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")


@attrs.define(eq=False)
class LeanSQS:
    """The queues, the faults, and what was counted."""

    base: str
    queues: dict[str, LeanQueue] = attrs.field(factory=dict)
    calls: Counter[str] = attrs.field(factory=Counter)
    faults: Counter[str] = attrs.field(factory=Counter)
    chaos: dict[str, float] = attrs.field(factory=dict)
    times: dict[str, list[float]] = attrs.field(factory=dict)

    def strikes(self, fault: str) -> bool:
        if fault not in self.chaos or random.random() >= self.chaos[fault]:
            return False
        self.faults[fault] += 1
        return True

    def queue(self, name: str) -> LeanQueue:
        if name not in self.queues:
            made = LeanFifo if name.endswith(".fifo") else LeanQueue
            self.queues[name] = made(name, f"{self.base}/000000000000/{name}")
        return self.queues[name]

    async def answer(self, operation: str, request: Request) -> Answer:
        now = time.time()
        self.calls[operation] += 1
        self.times.setdefault(operation, [now, now])[1] = now
        for fault, refusal in FAULTS.items() if self.chaos else ():
            if self.strikes(fault):
                raise Refusal(*refusal)
        if operation == "CreateQueue":
            return {"QueueUrl": self.queue(request["QueueName"]).url}
        queue = self.queues.get(request.get("QueueName") or request["QueueUrl"].rpartition("/")[2])
        if queue is None:
            raise MISSING
        if operation not in OPERATIONS:
            raise Refusal(400, "com.amazonaws.sqs#UnsupportedOperation", operation)
        return await OPERATIONS[operation](self, queue, request)

    def each(self, request: Request, do: Callable[[Request], Answer | None]) -> Answer:
        """Do a batch: an entry fails where chaos strikes, or where `do` returns None."""
        done, failed = [], []
        for entry in request["Entries"]:
            if self.strikes("partial"):
                failed.append({"Id": entry["Id"], "Code": "InternalError", "Message": "try", "SenderFault": False})
            elif (result := do(entry)) is None:
                failed.append({"Id": entry["Id"], "Code": "MessageNotInflight", "SenderFault": True})
            else:
                done.append({"Id": entry["Id"], **result})
        return {"Successful": done} | ({"Failed": failed} if failed else {})

    def control(self, path: str, options: dict[str, str], body: str) -> Answer:
        match path:
            case "/stats":
                queues = {name: queue.stats() for name, queue in self.queues.items()}
                counted = {"calls": self.calls, "faults": self.faults, "times": self.times}
                return {**counted, "queues": queues, "cpu": time.process_time()}
            case "/reset":
                for store in (self.queues, self.calls, self.faults, self.chaos, self.times):
                    store.clear()
            case "/chaos":
                self.chaos = {fault: float(rate) for fault, rate in options.items()}
            case "/delete":
                self.queues.pop(options["queue"], None)
            case "/fill" | "/raw":
                queue = self.queue(options["queue"])
                queue.visibility = float(options.get("visibility", queue.visibility))
                queue.refill = bool(int(options.get("refill", queue.refill)))
                groups = int(options.get("groups", 1))
                for number, text in enumerate(body.splitlines() if path == "/raw" else filling(options)):
                    queue.put(text, group=str(number % groups) if queue.name.endswith(".fifo") else None)
            case _:
                raise Refusal(404, "NotFound", path)
        return {}


def filling(options: dict[str, str]) -> list[str]:
    start, size = int(options.get("start", 0)), int(options.get("size", 200))
    rest = f'"records": [{records(size)}]' if int(options.get("records", 0)) else f'"pad": "{"x" * size}"'
    return [f'{{"n": {number}, {rest}}}' for number in range(start, start + int(options["n"]))]


def records(size: int) -> str:
    """Return records of about so many bytes in all, as orders have them: numbers, short texts, dates, lists."""
    record = (
        '{"id": %d, "name": "Bowl, glazed, 18 cm", "price": 24.9, "count": 3, "at": "2026-11-24T03:07:12Z", '
        '"tags": ["kitchen", "gift"], "address": {"street": "12 Kiln Lane", "city": "Stoke", "zip": "ST4 7QB"}}'
    )
    return ", ".join(record % number for number in range(1000, 1000 + max(1, size // len(record))))


async def receive(_: LeanSQS, queue: LeanQueue, request: Request) -> Answer:
    limit, wait = request.get("MaxNumberOfMessages", 1), request.get("WaitTimeSeconds", 0)
    messages = await queue.receive(limit, wait, request.get("VisibilityTimeout"))
    return {"Messages": messages} if messages else {}


def send_to(queue: LeanQueue, request: Request) -> Answer:
    sent = queue.put(request["MessageBody"], request.get("MessageAttributes"), request.get("MessageGroupId"))
    return {"MessageId": sent.id, "MD5OfMessageBody": sent.md5}


async def send(_: LeanSQS, queue: LeanQueue, request: Request) -> Answer:
    return send_to(queue, request)


async def send_batch(sqs: LeanSQS, queue: LeanQueue, request: Request) -> Answer:
    return sqs.each(request, lambda entry: send_to(queue, entry))


async def delete(_: LeanSQS, queue: LeanQueue, request: Request) -> Answer:
    return queue.delete(request["ReceiptHandle"])


async def delete_batch(sqs: LeanSQS, queue: LeanQueue, request: Request) -> Answer:
    return sqs.each(request, lambda entry: queue.delete(entry["ReceiptHandle"]))


async def change_visibility(_: LeanSQS, queue: LeanQueue, request: Request) -> Answer:
    if not queue.change_visibility(request["ReceiptHandle"], request["VisibilityTimeout"]):
        raise Refusal(400, "com.amazonaws.sqs#MessageNotInflight", "The message is not in flight.")
    return {}


async def change_visibility_batch(sqs: LeanSQS, queue: LeanQueue, request: Request) -> Answer:
    def change(entry: Request) -> Answer | None:
        return {} if queue.change_visibility(entry["ReceiptHandle"], entry["VisibilityTimeout"]) else None

    return sqs.each(request, change)


async def attributes(_: LeanSQS, queue: LeanQueue, request: Request) -> Answer:
    stats = queue.stats()
    known = {
        "VisibilityTimeout": int(queue.visibility),
        "ApproximateNumberOfMessages": stats["ready"],
        "ApproximateNumberOfMessagesNotVisible": stats["in_flight"],
        "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{queue.name}",
    }
    return {"Attributes": {name: str(value) for name, value in known.items()}}


async def url(_: LeanSQS, queue: LeanQueue, request: Request) -> Answer:
    return {"QueueUrl": queue.url}


OPERATIONS: dict[str, Callable[[LeanSQS, LeanQueue, Request], Awaitable[Answer]]] = {
    "ChangeMessageVisibility": change_visibility,
    "ChangeMessageVisibilityBatch": change_visibility_batch,
    "DeleteMessage": delete,
    "DeleteMessageBatch": delete_batch,
    "GetQueueAttributes": attributes,
    "GetQueueUrl": url,
    "ReceiveMessage": receive,
    "SendMessage": send,
    "SendMessageBatch": send_batch,
}
