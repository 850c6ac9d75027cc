"""The publishers of an application that runs: open before its lifespan starts, and until it has ended."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import attrs
import pytest

from loafer import Failure, Loafer, PublisherError
from loafer.domain.message import OutgoingMessage
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.worker.manager import Manager
from loafer.exceptions import ConfigurationError
from loafer.ports.publisher import Publisher

EVENTS: list[str] = []
ASK_TO_STOP: list[Callable[[], None]] = []


@attrs.define(eq=False)
class Told(Publisher):
    """A publisher that tells what is done with it."""

    error: Exception | None = None
    hangs: bool = False

    async def open(self) -> None:
        if self.error is not None:
            raise self.error
        if self.hangs:
            asyncio.get_running_loop().call_soon(ASK_TO_STOP[0])
            await asyncio.Event().wait()
        EVENTS.append("open")

    async def publish(self, message: OutgoingMessage) -> str:
        EVENTS.append(message.body)
        return "1"

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        return [await self.publish(message) for message in messages]

    async def close(self) -> None:
        EVENTS.append("close")


READABLE = "a dataclass, an attrs class, a TypedDict, a msgspec Struct, or a pydantic model"


class NothingToWrite:
    """A class whose fields nobody knows."""


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    EVENTS.clear()
    ASK_TO_STOP.clear()


@contextmanager
def stoppable(ask: Callable[[], None]) -> Iterator[None]:
    ASK_TO_STOP.append(ask)
    yield


def shop() -> Loafer[None]:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        await receipts.publish("begins")
        yield
        await receipts.publish("ends")

    app = Loafer(lifespan=lifespan)
    receipts = app.publisher("receipts", str)

    @app.route("memory://orders", options={"WaitTimeSeconds": 0.05})
    async def handle(order: int) -> None:
        await receipts.publish("handled")
        ASK_TO_STOP[0]()

    return app


def run(app: Loafer[Any], publisher: Publisher) -> Manager:
    manager = Manager(Settings(), application=app, publisher_to=lambda _: publisher)
    manager.broker.queue("orders").send(OutgoingMessage("1"))
    manager.run(stoppable=stoppable)
    return manager


def test_lifespan_and_handlers_publish_from_the_start_to_the_end() -> None:
    run(shop(), Told())
    assert EVENTS == ["open", '"begins"', '"handled"', '"ends"', "close"]


def test_a_publisher_that_cannot_be_opened_ends_the_start_and_nothing_is_received() -> None:
    app = shop()
    app.publisher("mails")
    with pytest.raises(PublisherError, match="it does not exist"):
        run(app, Told(PublisherError("it does not exist")))
    assert EVENTS == ["close", "close"]


def test_a_stop_does_not_wait_for_a_publisher_that_opens() -> None:
    manager = run(shop(), Told(hangs=True))
    assert EVENTS == ["close"]
    assert manager.broker.queue("orders").counts["received"] == 0


def test_what_is_wrong_with_publishers_is_told_at_once_with_its_lines() -> None:
    app = Loafer()
    app.publisher("no queue")
    app.publisher(topic="no topic")
    app.publisher("a", bytes)
    app.publisher("arn:aws:sqs:eu-west-1:123456789012:a", int, region="sa-east-1")
    app.publisher("a", NothingToWrite)
    app.publisher("memory://a")
    with pytest.raises(ConfigurationError) as caught, Manager(Settings(processes=2), application=app).prepared():
        pass
    told = [line for line in str(caught.value).splitlines() if ": publisher to " in line]
    assert [line.split(": ", 2)[2] for line in told] == [
        "'no queue' is not a queue name, a queue URL or a queue ARN",
        "'no topic' is not a topic name or a topic ARN",
        "JSON has no bytes; give the type of what is to be written as JSON",
        "it is in region 'eu-west-1', and region='sa-east-1' is given; give one of them",
        f"{__name__}.NothingToWrite cannot be read from JSON; give {READABLE}",
        "2 processes would each have a queue of their own; give one process, or one on AWS",
    ]
    assert all("test_manager_publishing.py:" in line for line in told)
