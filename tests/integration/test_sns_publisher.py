"""The SNS publisher on real endpoints, to queues that are subscribed to its topic."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aws_world import received
from endpoints import client, create_queue, create_topic, subscribe, unique

from loafer.adapters.aws.publisher import SNSPublisher
from loafer.adapters.aws.translator import SNSMessageTranslator
from loafer.domain.message import Attribute, Notification, OutgoingMessage
from loafer.exceptions import PublisherError

TRANSLATOR = SNSMessageTranslator()


@asynccontextmanager
async def opened(topic: str) -> AsyncIterator[SNSPublisher]:
    publisher = SNSPublisher(topic)
    await publisher.open()
    try:
        yield publisher
    finally:
        await publisher.close()


@pytest.mark.parametrize("raw", [False, True], ids=["envelope", "raw"])
async def test_a_message_reaches_a_subscribed_queue_by_name_and_by_arn(aws: str, raw: bool) -> None:
    name = unique("news")
    topic, queue = await create_topic(name), await create_queue(unique("readers"))
    await subscribe(topic, queue, raw=raw)
    for named in (name, topic):
        async with opened(named) as publisher:
            await publisher.publish(OutgoingMessage(json.dumps({"by": named}), {"kind": Attribute("new")}))
    contents = [TRANSLATOR.translate(message.body)["content"] for message in await received(queue, 2)]
    assert sorted(content["by"] for content in contents) == sorted([name, topic])


async def test_the_envelope_of_an_emulator_tells_its_topic_and_passes_where_that_is_named(aws: str) -> None:
    topic, queue = await create_topic(unique("news")), await create_queue(unique("readers"))
    await subscribe(topic, queue)
    async with opened(topic) as publisher:
        published = await publisher.publish(OutgoingMessage('"hello"'))
    (message,) = await received(queue, 1)
    translated = SNSMessageTranslator([topic]).translate(message.body, message)
    assert translated == {"content": "hello", "notification": Notification(topic, published)}


async def test_many_messages_are_published_with_an_id_each(on_ministack: str) -> None:
    topic, queue = await create_topic(unique("news")), await create_queue(unique("readers"))
    await subscribe(topic, queue, raw=True)
    async with opened(topic) as publisher:
        results = await publisher.publish_batch([OutgoingMessage(str(number)) for number in range(12)])
    assert len({result for result in results if isinstance(result, str)}) == 12
    assert sorted(int(message.body) for message in await received(queue, 12)) == list(range(12))


async def test_a_name_is_found_on_any_page_and_only_whole(on_ministack: str) -> None:
    stem = unique("news")
    async with client("sns") as sns:
        for number in range(120):
            await sns.create_topic(Name=f"{stem}-{number:03}")
    async with opened(f"{stem}-119") as publisher:
        assert await publisher.publish(OutgoingMessage("x"))
    with pytest.raises(PublisherError, match=f"topic '{stem}' does not exist in region eu-west-1"):
        await SNSPublisher(stem).open()


async def test_a_missing_topic_is_a_publisher_error_in_one_line(aws: str) -> None:
    for topic in ("nowhere", "arn:aws:sns:eu-west-1:123456789012:nowhere"):
        with pytest.raises(PublisherError, match=r"^topic 'nowhere' does not exist.*: create it or correct its name$"):
            async with opened(topic) as publisher:
                await publisher.publish(OutgoingMessage("x"))


async def test_a_body_over_the_limit_is_refused(on_ministack: str) -> None:
    async with opened(await create_topic(unique("news"))) as publisher:
        with pytest.raises(PublisherError, match="262145 bytes; give it 262144 at most"):
            await publisher.publish(OutgoingMessage("x" * 262_145))
