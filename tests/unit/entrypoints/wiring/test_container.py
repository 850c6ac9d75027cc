import asyncio
import time

import attrs
import pytest

from loafer.adapters.aws.publisher import SNSPublisher, SQSPublisher
from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.delivery import Delivery, ignore
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.stop import nothing
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import OutgoingMessage
from loafer.domain.retry import Retry
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.wiring.container import Container
from loafer.exceptions import PublisherError

ROUTE = RouteSettings(source="memory://contained", handler="loafer.example.demo.function", name="contained")


def container(settings: Settings, **given: object) -> Container:
    inputs = {
        "broker": MemoryBroker(),
        "observe": ignore,
        "stopping": nothing,
        "new_loop": asyncio.new_event_loop,
        "clock": time.monotonic,
        "transport": "lean",
        **given,
    }
    return Container(settings=settings, mistakes=Mistakes(), **inputs)


def test_every_option_of_the_dispatcher_comes_from_its_setting() -> None:
    given = {
        "max_jobs": 3,
        "prefetch": 4,
        "held_bytes": 9,
        "fifo_followers": 10,
        "grace_period": 5.0,
        "poll_grace": 11.0,
        "retry_delay": Retry(delay=6),
        "handler_timeout": 7.0,
        "tracebacks": "off",
        "depth": True,
        "explain_dead_letters": True,
    }
    made = container(Settings(**given, stall_limit=8.0))  # type: ignore[arg-type]
    assert attrs.asdict(made.options(), recurse=False) == {**given, "stall_limit": 8.0}
    assert {field.name for field in attrs.fields(Options)} == {*given, "stall_limit"}


def test_the_dispatcher_gets_a_route_for_each_in_the_settings() -> None:
    made = container(Settings(routes=(ROUTE,)))
    [route] = made.dispatcher().routes
    assert (route.name, route.source) == ("contained", "memory://contained")
    assert made.dispatcher() is made.dispatcher()
    made.shutdown_resources()


async def test_the_pool_has_as_many_threads_as_were_set_and_is_closed_in_the_end() -> None:
    made = container(Settings(max_threads=2))
    pool = made.pool()
    assert isinstance(pool, ThreadPool)
    assert pool.most == 2
    made.shutdown_resources()
    with pytest.raises(RuntimeError, match="closed"):
        pool.begin(print, ())


def test_what_it_is_given_is_what_the_dispatcher_runs_on() -> None:
    broker = MemoryBroker(queues={"contained": MemoryQueue("contained")})
    broker.queues["contained"].send(OutgoingMessage("1"))
    seen: list[Delivery] = []

    def observe(delivery: Delivery) -> None:
        seen.append(delivery)
        made.dispatcher().stop()

    settings = Settings(routes=(attrs.evolve(ROUTE, options={"WaitTimeSeconds": 0.05}),))
    made = container(settings, broker=broker, observe=observe)
    asyncio.run(made.dispatcher().run())
    made.shutdown_resources()
    assert [delivery.outcome for delivery in seen] == [Outcome.SUCCEEDED]
    assert len(broker.queues["contained"]) == 0


def test_every_input_reaches_the_dispatcher() -> None:
    clock, new_loop = (lambda: 0.0), asyncio.SelectorEventLoop
    made = container(Settings(), observe=print, clock=clock, new_loop=new_loop)
    dispatcher = made.dispatcher()
    made.shutdown_resources()
    assert (dispatcher.observe, dispatcher.clock, dispatcher.new_loop) == (print, clock, new_loop)


def test_publishers_need_no_settings_but_the_transport() -> None:
    publisher = Container(transport="aiobotocore").sqs_publisher("orders")
    assert isinstance(publisher, SQSPublisher)
    assert publisher.transport == "aiobotocore"
    assert isinstance(Container().sns_publisher("orders"), SNSPublisher)
    with pytest.raises(PublisherError):
        Container(transport="lean").sqs_publisher("no queue")
