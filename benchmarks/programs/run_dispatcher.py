"""The dispatcher alone: messages from a queue in memory, and what that queue costs without a dispatcher."""

import asyncio
import json
import sys
import time

from loafer.adapters.aws.translator import SQSMessageTranslator
from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.calling import translator_of
from loafer.application.dispatcher import Dispatcher
from loafer.application.pool import ThreadPool
from loafer.application.route import Route
from loafer.domain.message import OutgoingMessage

TRANSLATE = translator_of(SQSMessageTranslator, ThreadPool(1))


def filled(messages: int) -> MemoryQueue:
    """Return a queue with so many messages of 200 bytes."""
    queue = MemoryQueue("bench")
    for number in range(messages):
        queue.send(OutgoingMessage(json.dumps({"n": number, "pad": "x" * 180})))
    return queue


async def dispatched(messages: int) -> float:
    """Return the CPU seconds that a dispatcher with all defaults takes for a queue of messages."""
    queue, seen = filled(messages), 0

    async def handle(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == messages:
            dispatcher.stop()

    route = Route("bench", "bench", lambda: MemoryConsumer(queue), TRANSLATE, handle)
    dispatcher = Dispatcher([route])
    began = time.process_time()
    await dispatcher.run()
    return time.process_time() - began


async def adapter_alone(messages: int) -> float:
    """Return the CPU seconds that it takes to receive as many messages by 10, and to acknowledge them by 10."""
    consumer = MemoryConsumer(filled(messages), 0)
    began = time.process_time()
    await consumer.open()
    while received := await consumer.receive(10):
        await consumer.acknowledge(received)
    return time.process_time() - began


number = int(sys.argv[1])
asyncio.run(dispatched(number // 10))
whole, adapter = asyncio.run(dispatched(number)), asyncio.run(adapter_alone(number))
figures = {"whole_us": whole / number * 1e6, "adapter_us": adapter / number * 1e6}
sys.stdout.write(json.dumps({**figures, "dispatcher_us": figures["whole_us"] - figures["adapter_us"]}))
