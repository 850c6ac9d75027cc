"""How much is on a queue, as the strict endpoint says it."""

import pytest
from strict.strict_control import StrictEndpoint

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.domain.depth import Depth
from loafer.exceptions import AccessDenied


@pytest.mark.usefixtures("transport")
async def test_the_depth_of_a_queue_is_what_its_attributes_say(strict: StrictEndpoint) -> None:
    name = strict.create("orders")
    strict.numbers(name, 7)
    strict.call("SendMessage", QueueUrl=f"{strict.url}/000000000000/{name}", MessageBody="x", DelaySeconds=900)
    consumer = SQSConsumer(name, {"WaitTimeSeconds": 0, "MaxNumberOfMessages": 3})
    await consumer.open()
    assert len(await consumer.receive(3)) == 3
    assert await consumer.depth() == Depth(visible=4, in_flight=3, delayed=1)
    strict.faults({"GetQueueAttributes": {"denied": True}})
    with pytest.raises(AccessDenied):
        await consumer.depth()
    await consumer.close()
