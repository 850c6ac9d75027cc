"""The world in memory: queues, topics, and routes that run until nothing is left to do."""

import asyncio
import json
import re
import threading
import time
from typing import Any

import pytest

from loafer.domain.message import Attribute
from loafer.exceptions import ConfigurationError, IgnoreMessage, PublisherError, RejectMessage
from loafer.testing import StillRunning, World
from loafer.testing.sending import Timed, outgoing


async def succeed(content: Any) -> None:
    pass


async def fail(content: Any) -> None:
    raise ValueError(content)


def failing_until(attempt: int, error: Exception) -> Any:
    """Return a handler that raises until so many attempts were made."""
    attempts: list[object] = []

    async def handle(content: Any) -> None:
        attempts.append(content)
        if len(attempts) < attempt:
            raise error

    return handle


def test_a_message_that_is_handled_is_acknowledged_and_nothing_is_left(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", {"id": 1})
    result = loafer_world.run(succeed, source="orders")
    assert result.acknowledged == [{"id": 1}]
    assert result.outcomes == ["succeeded"]
    assert result.left == {"orders": []}
    assert (result.kept, result.delayed, result.dead_lettered, result.errors) == ([], [], [], [])


def test_a_run_on_an_empty_queue_ends_at_once(loafer_world: World) -> None:
    queue = loafer_world.queue("orders")
    result = loafer_world.run(succeed, source=queue)
    assert repr(result) == "<Result: nothing delivered; left: nothing; 0.0 virtual s>"


def test_a_kept_message_comes_back_when_its_visibility_runs_out_and_that_takes_no_time(loafer_world: World) -> None:
    loafer_world.queue("orders", visibility_timeout=3 * 60 * 60)
    loafer_world.publish("orders", 1)
    began = time.monotonic()
    result = loafer_world.run(failing_until(2, ValueError("no")), source="orders")
    assert result.outcomes == ["failed", "succeeded"]
    assert result.kept == [1]
    assert result.deliveries[1].at == pytest.approx(3 * 60 * 60, abs=1)
    assert time.monotonic() - began < 600  # three hours, on a machine that may be very busy


def test_a_message_that_asks_for_a_delay_is_delayed_by_it(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", 1)
    result = loafer_world.run(failing_until(2, IgnoreMessage(delay=900)), source="orders")
    assert result.delayed == [(1, 900)]
    assert result.deliveries[1].at - result.deliveries[0].at == pytest.approx(900, abs=1)


def test_a_message_that_fails_too_often_is_dead_lettered_with_its_errors(loafer_world: World) -> None:
    loafer_world.queue("orders", max_receive_count=3, dead_letters="dead")
    loafer_world.publish("orders", {"id": 1})
    result = loafer_world.run(fail, source="orders", retry_delay="exponential")
    assert result.dead_lettered == [{"id": 1}]
    assert result.left == {"orders": [], "dead": [{"id": 1}]}
    assert [type(error) for error in result.errors] == [ValueError] * 3
    assert len(result.delayed) == 3


def test_an_earlier_dead_letter_is_not_counted_again(loafer_world: World) -> None:
    loafer_world.queue("orders", max_receive_count=1, dead_letters="dead")
    loafer_world.publish("orders", 1)
    assert loafer_world.run(fail, source="orders").dead_lettered == [1]
    loafer_world.publish("orders", 2)
    assert loafer_world.run(fail, source="orders").dead_lettered == [2]


def test_a_fifo_queue_s_message_without_runs_left_is_dead_lettered_in_its_turn(loafer_world: World) -> None:
    loafer_world.queue("orders.fifo", max_receive_count=2, dead_letters="dead.fifo")
    for number in (1, 2):
        loafer_world.publish("orders.fifo", number, group="g", deduplication_id=str(number))

    async def handle(content: Any) -> None:
        if content == 1:
            raise ValueError

    result = loafer_world.run(handle, source="orders.fifo")
    assert [delivery.content for delivery in result.deliveries] == [1, 1, 2]
    assert result.dead_lettered == [1]


def test_a_rejected_message_is_deleted(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", 1)
    result = loafer_world.run(failing_until(2, RejectMessage()), source="orders")
    assert result.rejected == result.acknowledged == [1]
    assert result.left["orders"] == []


def test_a_body_that_is_not_translated_is_kept_and_shown_as_it_is(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", "{no json")
    result = loafer_world.run(succeed, source="orders", seconds=10)
    assert result.outcomes == ["untranslated"]
    assert result.kept == result.left["orders"] == ["{no json"]
    assert "{no json" in repr(result.deliveries[0])


def test_a_run_of_so_many_seconds_ends_then_and_a_second_one_goes_on(loafer_world: World) -> None:
    loafer_world.queue("orders", visibility_timeout=60)
    loafer_world.publish("orders", 1)
    handler = failing_until(2, ValueError("no"))
    first = loafer_world.run(handler, source="orders", seconds=20)
    assert (first.outcomes, first.left["orders"]) == (["failed"], [1])
    assert first.seconds == pytest.approx(20, abs=0.1)
    assert loafer_world.now() == pytest.approx(20, abs=0.1)
    assert loafer_world.run(handler, source="orders").outcomes == ["succeeded"]
    assert loafer_world.now() == pytest.approx(60, abs=1)


def test_a_message_that_always_fails_is_told_as_what_goes_on_for_ever(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", {"id": 1})
    with pytest.raises(StillRunning) as error:
        loafer_world.run(fail, source="orders", at_most=5)
    text = str(error.value)
    assert text.startswith("the run does not end: after 6 deliveries and 150 virtual seconds")
    assert "1 on 'orders'" in text
    assert re.search(r"<failed: {'id': 1}, delivery [56], ValueError\({'id': 1}\), at 1[25]0\.0", text)
    assert "\n" not in text


def test_a_handler_that_never_ends_is_told_as_what_goes_on_for_ever(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", 1)

    async def wait(content: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(StillRunning, match=r"1 of them held now.*no handler has ended"):
        loafer_world.run(wait, source="orders", patience=3600)


def test_a_plain_function_runs_in_a_thread_and_may_publish(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.queue("receipts")
    threads = []

    def handle(content: Any) -> None:
        threads.append(threading.current_thread())
        loafer_world.publish("receipts", {"receipt": content})

    loafer_world.publish("orders", 1)
    result = loafer_world.run(handle, source="orders")
    assert result.published == [("receipts", {"receipt": 1})]
    assert result.left["receipts"] == [{"receipt": 1}]
    assert threads[0] is not threading.current_thread()


def test_to_thread_in_a_handler_stops_the_time_and_the_world_still_closes() -> None:
    async def handle(content: Any) -> None:
        await asyncio.to_thread(lambda: None)

    with World() as world:
        world.queue("orders")
        world.publish("orders", 1)
        assert world.run(handle, source="orders").acknowledged == [1]


def test_handlers_and_translators_may_be_dotted_names(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", "plain")
    result = loafer_world.run(
        "loafer.example.jobs.async_example_job",
        source="orders",
        translator="loafer.aws.message_translator.StringMessageTranslator",
    )
    assert result.acknowledged == ["plain"]


def test_what_cannot_be_a_handler_says_so(loafer_world: World) -> None:
    loafer_world.queue("orders")
    with pytest.raises(ValueError, match="it is an instance of int, which cannot be called"):
        loafer_world.run(3, source="orders")


def test_options_are_those_of_a_dispatcher(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", 1)

    async def sleep(content: Any) -> None:
        await asyncio.sleep(60)

    result = loafer_world.run(sleep, source="orders", handler_timeout=5, seconds=10)
    assert "longer than 5 s" in str(result.errors[0])


def test_a_long_handler_s_message_stays_its_own(loafer_world: World) -> None:
    loafer_world.queue("orders", visibility_timeout=10)
    loafer_world.publish("orders", 1)

    async def sleep(content: Any) -> None:
        await asyncio.sleep(600)

    assert loafer_world.run(sleep, source="orders").outcomes == ["succeeded"]


def test_what_ends_the_worker_ends_the_run(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", 1)

    async def leave(content: Any) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        loafer_world.run(leave, source="orders")
    assert loafer_world.run(succeed, source="orders").acknowledged == [1]


def test_a_task_of_a_handler_that_raises_system_exit_ends_the_run_with_its_grace_period(
    loafer_world: World,
) -> None:
    ended: list[object] = []

    async def leaves() -> None:
        raise SystemExit(7)

    async def handle(content: object) -> None:
        if content == 1:
            async with asyncio.TaskGroup() as group:
                group.create_task(leaves())
        await asyncio.sleep(1)
        ended.append(content)

    loafer_world.queue("orders")
    loafer_world.publish("orders", 1)
    loafer_world.publish("orders", 2)
    with pytest.raises(SystemExit) as raised:
        loafer_world.run(handle, source="orders")
    assert raised.value.code == 7
    assert ended == [2]
    assert loafer_world.run(succeed, source="orders").acknowledged == [1]


def test_a_topic_wraps_messages_in_envelopes_unless_delivery_is_raw(loafer_world: World) -> None:
    wrapped, raw = loafer_world.queue("wrapped"), loafer_world.queue("raw")
    topic = loafer_world.topic("news")
    topic.subscribe(wrapped)
    topic.subscribe(raw, raw=True)
    loafer_world.publish("news", {"id": 1}, attributes={"kind": "sale", "size": 3, "seal": b"x"})
    sns = "loafer.aws.message_translator.SNSMessageTranslator"
    for queue in (wrapped, raw):
        assert loafer_world.run(succeed, source=queue, translator=sns).acknowledged == [{"id": 1}]


def test_what_is_scheduled_is_waited_for(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.play("orders", [Timed(60, outgoing(1)), Timed(3600, outgoing(2))])
    result = loafer_world.run(succeed, source="orders")
    assert [(d.content, round(d.at)) for d in result.deliveries] == [(1, 60), (2, 3600)]
    assert result.published == [("orders", 1), ("orders", 2)]


def test_what_is_scheduled_for_too_late_is_told(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.play("orders", [Timed(3600, outgoing(1))])
    with pytest.raises(StillRunning, match=r"after 0 deliveries and 60 virtual seconds.*still to publish"):
        loafer_world.run(succeed, source="orders", patience=60)


def test_a_publisher_s_messages_are_published(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.queue("receipts")
    publisher = loafer_world.publisher("receipts")

    async def handle(content: Any) -> None:
        await publisher.open()
        await publisher.publish(outgoing("one"))
        await publisher.publish_batch([outgoing("two")])
        await publisher.close()

    loafer_world.publish("orders", 1)
    assert loafer_world.run(handle, source="orders").published == [("receipts", "one"), ("receipts", "two")]


def test_a_publisher_says_what_cannot_be_sent(loafer_world: World) -> None:
    loafer_world.queue("orders.fifo")
    publisher = loafer_world.publisher("orders.fifo")
    with pytest.raises(PublisherError, match="need a group"):
        asyncio.run(publisher.publish(outgoing("one")))
    (failure,) = asyncio.run(publisher.publish_batch([outgoing("one")]))
    assert not isinstance(failure, str)
    assert "need a group" in failure.reason


def test_a_whole_configuration_runs(loafer_world: World) -> None:
    loafer_world.queue("orders", max_receive_count=2, dead_letters="dead")
    loafer_world.publish("orders", {"id": 1})
    result = loafer_world.run_settings(
        {
            "LOAFER_DEFAULT_ROUTE_SOURCE": "memory://orders",
            "LOAFER_DEFAULT_ROUTE_HANDLER": f"{__name__}.fail",
            "LOAFER_RETRY_DELAY": 900,
        }
    )
    assert result.outcomes == ["failed", "failed"]
    assert result.delayed == [({"id": 1}, 900), ({"id": 1}, 900)]
    assert result.dead_lettered == [{"id": 1}]


def test_settings_may_have_several_routes_and_no_default_route(loafer_world: World) -> None:
    keys: dict[str, str] = {}
    for name in ("orders", "mails"):
        loafer_world.queue(name)
        loafer_world.publish(name, {"of": name})
        keys |= {f"LOAFER_{name.upper()}_ROUTE_SOURCE": f"memory://{name}"}
        keys |= {f"LOAFER_{name.upper()}_ROUTE_HANDLER": "loafer.example.jobs.async_example_job"}
    acknowledged = loafer_world.run_settings(keys).acknowledged
    assert sorted(content["of"] for content in acknowledged) == ["mails", "orders"]


def test_every_mistake_in_a_configuration_is_told(loafer_world: World) -> None:
    with pytest.raises(ConfigurationError) as error:
        loafer_world.run_settings({"LOAFER_DEFAULT_ROUTE_SOURCE": "orders", "LOAFER_MAX_JOBS": 0})
    assert "give memory://NAME" in str(error.value)
    assert "LOAFER_MAX_JOBS='0'" in str(error.value)
    with pytest.raises(ConfigurationError, match="no source"):
        loafer_world.run_settings({})


def test_what_is_not_there_says_what_is(loafer_world: World) -> None:
    with pytest.raises(LookupError, match="no queue or topic 'order', but no other one; create it first"):
        loafer_world.publish("order", 1)
    loafer_world.queue("orders")
    loafer_world.topic("news")
    with pytest.raises(LookupError, match="no queue or topic 'order', but orders, news; create it first"):
        loafer_world.run(succeed, source="order")
    with pytest.raises(LookupError, match="'news' is a topic"):
        loafer_world.run(succeed, source="news")


def test_a_name_is_given_once(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.topic("news")
    with pytest.raises(ValueError, match="a queue 'orders' already"):
        loafer_world.queue("orders")
    with pytest.raises(ValueError, match="a topic 'news' already"):
        loafer_world.topic("news")


def test_dead_letters_need_a_receive_count_and_the_other_way_round(loafer_world: World) -> None:
    with pytest.raises(ValueError, match="give both, or none"):
        loafer_world.queue("orders", dead_letters="dead")
    with pytest.raises(ValueError, match="give both, or none"):
        loafer_world.queue("orders", max_receive_count=2)


def test_a_fifo_queue_s_dead_letters_need_a_fifo_queue(loafer_world: World) -> None:
    with pytest.raises(ValueError, match="dead letters need a FIFO queue"):
        loafer_world.queue("orders.fifo", max_receive_count=2, dead_letters="dead")


def test_an_attribute_may_be_written_out(loafer_world: World) -> None:
    queue = loafer_world.queue("orders")
    loafer_world.publish("orders", 1, attributes={"picture": Attribute(b"x", "Binary.png")})
    assert queue.visible[0].attributes == {"picture": Attribute(b"x", "Binary.png")}


def test_a_worker_that_stops_lets_a_running_handler_end(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", 1)

    async def sleep(content: Any) -> None:
        await asyncio.sleep(20)

    assert loafer_world.run(sleep, source="orders", seconds=5).acknowledged == [1]


def test_content_that_json_has_no_value_for_is_refused(loafer_world: World) -> None:
    loafer_world.queue("orders")
    with pytest.raises(ValueError, match="JSON"):
        loafer_world.publish("orders", float("nan"))


async def test_in_a_coroutine_test_a_world_says_that_it_is_for_plain_ones() -> None:
    with pytest.raises(RuntimeError, match="write def, not async def"):
        World()


def test_an_envelope_is_what_sns_sends(loafer_world: World) -> None:
    queue = loafer_world.queue("orders")
    loafer_world.topic("news").subscribe(queue)
    loafer_world.publish("news", "hello", attributes={"kind": "sale", "seal": b"x"})
    (sent,) = queue.visible
    envelope = json.loads(sent.body)
    assert envelope == {
        "Type": "Notification",
        "MessageId": "news-1",
        "TopicArn": "arn:aws:sns:memory:000000000000:news",
        "Message": "hello",
        "Timestamp": "1970-01-01T00:00:00.000Z",
        "MessageAttributes": {
            "kind": {"Type": "String", "Value": "sale"},
            "seal": {"Type": "Binary", "Value": "eA=="},
        },
    }
    assert not sent.attributes
