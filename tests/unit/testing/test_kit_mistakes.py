"""What a test gets wrong is told where it does so, in one line that says what would be right."""

import asyncio
from typing import Any

import pytest

from loafer.application.options import Options
from loafer.domain.message import OutgoingMessage
from loafer.domain.retry import Retry
from loafer.exceptions import ConfigurationError
from loafer.testing import StillRunning, World, deliver
from loafer.testing.sending import Timed, outgoing


async def succeed(content: Any) -> None:
    pass


def settings_with(source: str) -> dict[str, object]:
    return {
        "LOAFER_DEFAULT_ROUTE_SOURCE": source,
        "LOAFER_DEFAULT_ROUTE_HANDLER": "loafer.example.jobs.async_example_job",
    }


def test_a_queue_without_a_visibility_timeout_ends_a_run_that_would_never_end(loafer_world: World) -> None:
    async def sleep(content: Any) -> None:
        await asyncio.sleep(1)

    loafer_world.queue("orders", visibility_timeout=0)
    loafer_world.publish("orders", 1)
    with pytest.raises(StillRunning, match="after 1001 deliveries"):
        loafer_world.run(sleep, source="orders")


def test_a_message_that_runs_again_in_its_place_for_ever_ends_a_run(loafer_world: World) -> None:
    def fail(content: Any) -> None:
        raise ValueError

    loafer_world.queue("orders.fifo")
    loafer_world.publish("orders.fifo", 1, group="g")
    with pytest.raises(StillRunning, match="after 11 deliveries and 0 virtual seconds"):
        loafer_world.run(fail, source="orders.fifo", retry_delay=0, at_most=10)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"visibility_timeout": -1}, "visibility_timeout=-1 is out of range; give 0 to 43200 seconds"),
        ({"visibility_timeout": 43_201}, "visibility_timeout=43201 is out of range"),
        ({"max_receive_count": 0, "dead_letters": "dead"}, "max_receive_count=0 would deliver nothing; give 1 or more"),
        ({"max_receive_count": 2, "dead_letters": "orders"}, "cannot be its own dead-letter queue; give another name"),
        ({"max_receive_count": 2, "dead_letters": "news"}, "there is a topic 'news' already; give another name"),
    ],
)
def test_a_queue_that_cannot_be_is_refused_and_not_made(wrong: dict[str, Any], text: str) -> None:
    with World() as world:
        world.topic("news")
        with pytest.raises(ValueError, match=text):
            world.queue("orders", **wrong)
        assert world.queues == {}


def test_a_queue_and_a_topic_have_different_names(loafer_world: World) -> None:
    loafer_world.topic("news")
    loafer_world.queue("orders")
    with pytest.raises(ValueError, match="there is a topic 'news' already"):
        loafer_world.queue("news")
    with pytest.raises(ValueError, match="there is a queue 'orders' already"):
        loafer_world.topic("orders")


def test_a_dead_letter_queue_of_elsewhere_is_one_of_the_world_s_from_then_on(loafer_world: World) -> None:
    with World() as other:
        dead = other.queue("dead")
        loafer_world.queue("orders", max_receive_count=1, dead_letters=dead)
        assert loafer_world.queues["dead"] is dead
        with pytest.raises(ValueError, match="there is a queue 'dead' already"):
            loafer_world.queue("others", max_receive_count=1, dead_letters=World().queue("dead"))


def test_what_cannot_be_sent_is_refused_when_it_is_scheduled(loafer_world: World) -> None:
    loafer_world.queue("orders.fifo")
    loafer_world.topic("news").subscribe(loafer_world.queue("orders"))
    fine, wrong = Timed(1, outgoing(1, group="g")), Timed(2, outgoing(2))
    with pytest.raises(ValueError, match="messages of a FIFO queue need a group id"):
        loafer_world.play("orders.fifo", [fine, wrong])
    with pytest.raises(ValueError, match="a topic has no delay"):
        loafer_world.play("news", [Timed(1, outgoing(1, delay=3))])
    assert loafer_world.run(succeed, source="orders.fifo").published == []


@pytest.mark.parametrize("source", ["memory://order", "memory://", "memory://news"])
def test_a_source_that_is_no_queue_of_the_world_is_a_mistake_in_the_settings(source: str) -> None:
    with World() as world:
        world.topic("news")
        with pytest.raises(ConfigurationError, match=r"there is no such queue in this world; create it first$"):
            world.run_settings(settings_with(source))
        world.queue("orders")
        with pytest.raises(ConfigurationError, match=r"there is no such queue in this world; give memory://orders$"):
            world.run_settings(settings_with(source))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"prefetch": 0}, "1 or more"),
        ({"max_jobs": 0}, "1 or more"),
        ({"max_jobs": "3"}, "1 or more"),
        ({"grace_period": -1}, "0 or more seconds"),
        ({"stall_limit": float("nan")}, "0 or more seconds"),
        ({"poll_grace": None}, "0 or more seconds"),
        ({"handler_timeout": "a"}, "0 or more seconds, or None"),
        ({"retry_delay": "exp"}, "0 to 43200 seconds, 'exponential', a Retry, or None"),
        ({"retry_delay": 43_201}, "0 to 43200 seconds, 'exponential', a Retry, or None"),
    ],
)
def test_an_option_that_cannot_be_is_refused(wrong: dict[str, Any], right: str, loafer_world: World) -> None:
    loafer_world.queue("orders")
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"^{name}={value!r} cannot be; give {right}$"):
        loafer_world.run(succeed, source="orders", **wrong)


def test_an_option_at_its_limit_is_taken() -> None:
    assert Options(1, 1, 0, 43_200, 0, 0).retry_delay == Retry(delay=43_200)
    assert Options(grace_period=float("inf"), retry_delay="exponential").handler_timeout is None


@pytest.mark.parametrize("body", [{"a": 1}, 3, b"{}", ["x"]])
def test_a_body_is_a_string(body: Any) -> None:
    with pytest.raises(TypeError, match="is no string, which every body is; give it as content=, or as its JSON"):
        deliver(succeed, body=body)


@pytest.mark.parametrize("value", [None, True, ["x"]])
def test_an_attribute_is_a_string_bytes_or_a_number(value: Any, loafer_world: World) -> None:
    text = "^attribute 'a' is .*; give a string, bytes, a number, or an Attribute$"
    with pytest.raises(TypeError, match=text):
        deliver(succeed, content=1, attributes={"a": value})
    loafer_world.queue("orders")
    with pytest.raises(TypeError, match=text):
        loafer_world.publish("orders", 1, attributes={"a": value})


async def test_a_world_that_is_run_by_a_coroutine_test_says_that_it_is_for_plain_ones(
    plain_world: World,
) -> None:
    plain_world.queue("orders")
    with pytest.raises(RuntimeError, match="write def, not async def"):
        plain_world.run(succeed, source="orders")


@pytest.fixture
def plain_world() -> Any:
    """A world that is made before the event loop of the test runs, as the fixture of the plugin may be."""
    with World() as world:
        yield world


def test_many_good_messages_are_told_how_to_get_through(loafer_world: World) -> None:
    loafer_world.queue("orders")
    for number in range(30):
        loafer_world.publish("orders", number)

    async def sleep(content: Any) -> None:
        await asyncio.sleep(1)

    with pytest.raises(StillRunning, match=r"or the run seconds=… or more: at_most=40$"):
        loafer_world.run(sleep, source="orders", at_most=20)
    assert loafer_world.run(succeed, source="orders", at_most=40).left["orders"] == []


def test_patience_that_is_over_is_told_by_its_name(loafer_world: World) -> None:
    async def wait(content: Any) -> None:
        await asyncio.Event().wait()

    loafer_world.queue("orders")
    loafer_world.publish("orders", 1)
    with pytest.raises(StillRunning, match=r"or more: patience=…$"):
        loafer_world.run(wait, source="orders", patience=60)


def test_a_queue_is_subscribed_by_its_name_too(loafer_world: World) -> None:
    topic = loafer_world.topic("news")
    with pytest.raises(LookupError, match=r"^topic 'news': there is no queue 'orders', but none; create it first$"):
        topic.subscribe("orders")
    loafer_world.queue("orders")
    topic.subscribe("orders", raw=True)
    loafer_world.publish("news", 1)
    assert loafer_world.run(succeed, source="orders").acknowledged == [1]


def test_what_is_published_is_a_message(loafer_world: World) -> None:
    loafer_world.queue("orders")
    publisher: Any = loafer_world.publisher("orders")
    for call in (publisher.publish("x"), publisher.publish_batch([OutgoingMessage("fine"), "x"])):
        with pytest.raises(TypeError, match=r"'x' is no OutgoingMessage; give what loafer.testing.outgoing returns"):
            asyncio.run(call)
    assert loafer_world.queues["orders"].visible == []
