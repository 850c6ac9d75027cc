"""The publishers of an application on real endpoints."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aws_world import received
from endpoints import create_queue, create_topic, free_port, subscribe, unique

from loafer import Attribute, Failure, Loafer, PublisherError
from loafer.adapters.aws import session
from loafer.adapters.aws.consumer import SQSConsumer


@dataclass
class Receipt:
    order: int


async def test_content_reaches_a_queue_and_a_topic(aws: str) -> None:
    name, news = unique("receipts"), unique("events")
    url, readers = await create_queue(name), await create_queue(unique("readers"))
    await subscribe(await create_topic(news), readers, raw=True)
    app = Loafer()
    receipts, events = app.publisher(name, Receipt), app.publisher(topic=news, content=Receipt)
    async with app.publishing():
        published = await receipts.publish(Receipt(1), attributes={"tenant": "a", "n": 5})
        await receipts.publish_batch([Receipt(number) for number in range(2, 14)])
        await events.publish(Receipt(99))
    messages = await received(url, 13)
    assert sorted(message.body for message in messages) == sorted(f'{{"order":{n}}}' for n in range(1, 14))
    [first] = [message for message in messages if message.id == published]
    assert first.attributes == {"tenant": Attribute("a"), "n": Attribute("5", "Number")}
    assert [message.body for message in await received(readers, 1)] == ['{"order":99}']


async def test_messages_of_a_fifo_queue_come_in_the_order_of_their_groups(on_ministack: str) -> None:
    url = await create_queue(unique("receipts.fifo"))
    app = Loafer()
    receipts = app.publisher(url, Receipt)
    numbers = list(range(25))
    async with app.publishing():
        results = await receipts.publish_batch(
            [Receipt(number) for number in numbers],
            group=lambda receipt: str(receipt.order % 5),
            deduplication_id=lambda receipt: str(receipt.order),
        )
    assert not [result for result in results if isinstance(result, Failure)]
    of_group: dict[str | None, list[str]] = {}
    for message in await received(url, 25):
        of_group.setdefault(message.group, []).append(message.body)
    assert of_group == {str(g): [f'{{"order":{n}}}' for n in numbers if n % 5 == g] for g in range(5)}


async def test_every_queue_and_topic_that_does_not_exist_is_told_in_a_line(aws: str) -> None:
    app = Loafer()
    app.publisher("nowhere")
    app.publisher(topic="nothing")
    with pytest.raises(PublisherError) as caught:
        async with app.publishing():
            pass
    first, second = str(caught.value).splitlines()
    assert first.startswith("queue 'nowhere' does not exist")
    assert second.startswith("topic 'nothing' does not exist")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The services for which a client was made."""
    services: list[str] = []
    create = session.create_client

    @asynccontextmanager
    async def create_and_tell(service: str, *given: Any, **access: Any) -> AsyncIterator[Any]:
        services.append(service)
        async with create(service, *given, **access) as client:
            yield client

    monkeypatch.setattr(session, "create_client", create_and_tell)
    return services


@pytest.mark.parametrize(("needed", "services"), [(False, ["sns"]), (True, ["sns", "sqs"])])
async def test_all_publishers_and_the_worker_share_one_client_a_service_where_one_is_needed(
    needed: bool, services: list[str], aws: str, made: list[str], aws_environ: pytest.MonkeyPatch
) -> None:
    if needed:
        aws_environ.setenv("AWS_SDK_UA_APP_ID", "shop")  # one of the settings that are the SDK's business
    app, source = Loafer(), await create_queue(unique("orders"))
    for stem in ("receipts", "mails", "logs"):
        app.publisher(await create_queue(unique(stem)))
        app.publisher(topic=await create_topic(unique(stem)))
    consumer = SQSConsumer(source, {})
    await consumer.open()
    async with app.publishing():
        assert sorted(made) == services
    await consumer.close()


async def test_a_publisher_has_a_region_and_an_endpoint_of_its_own(aws: str, aws_environ: pytest.MonkeyPatch) -> None:
    name = unique("receipts")
    await create_queue(name)
    aws_environ.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    app = Loafer()
    receipts = app.publisher(name, region="eu-west-1", endpoint=aws)
    async with app.publishing():
        assert await receipts.publish({"any": "thing"})
