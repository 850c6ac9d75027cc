import asyncio
import threading
from typing import Any

import attrs
import pytest
from prometheus_client.parser import text_string_to_metric_families
from world import World, queue

from loafer.application.measures import Histogram, Measures
from loafer.application.metrics import families_of
from loafer.application.options import Options
from loafer.domain.fingerprint import MOST_KINDS
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.domain.metrics import LONG_BOUNDS, merged, text_of
from loafer.exceptions import IgnoreMessage, RejectMessage

BODIES = {"done": 60, "fail": 10, "break": 5, "reject": 8, "ignore": 7, "slow": 4}
"""What the handler does, and how many messages want that."""


async def handle(content: str) -> None:
    match content:
        case "fail":
            raise ValueError
        case "break":
            raise KeyError("x")
        case "reject":
            raise RejectMessage("why")
        case "ignore":
            raise IgnoreMessage
        case "slow":
            await asyncio.sleep(1000)


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return all samples of a text, as Prometheus reads it."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in {"counter", "gauge", "histogram"}
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float:
    return values(text)[name, frozenset(labels.items())]


async def run() -> tuple[World, Measures, str]:
    measures = Measures()
    bodies = [body for body, count in BODIES.items() for _ in range(count)]
    world = World(queue("orders", *bodies, visibility_timeout=3600), handle, Options(max_jobs=20, handler_timeout=5))
    world.dispatcher.observers = (measures,)
    async with world:
        await asyncio.sleep(60)
        status = world.dispatcher.status()
        text = text_of([*families_of(status, 30), *measures.families()])
    return world, measures, text


async def test_every_number_is_that_of_the_truth_and_of_the_status() -> None:
    world, measures, text = await run()
    counts, causes = world.dispatcher.counts, world.dispatcher._lanes[0].events.causes
    outcomes = {"succeeded": 60, "failed": 19, "rejected": 8, "ignored": 7}
    for outcome, number in outcomes.items():
        assert value(text, "loafer_messages_total", route="orders", outcome=outcome) == counts[outcome] == number
    for cause, number in {"failed": 15, "timeout": 4, "ignored": 7}.items():
        assert value(text, "loafer_redeliveries_total", source="orders", cause=cause) == causes[cause] == number  # type: ignore[index]
    for error, number in {"ValueError": 10, "KeyError": 5, "HandlerTimeout": 4, "IgnoreMessage": 7}.items():
        place = "handle_within" if error == "HandlerTimeout" else "handle"
        assert value(text, "loafer_handler_errors_total", route="orders", error=error, place=place) == number
    system = {"messaging_system": "aws_sqs", "messaging_destination_name": "orders"}
    assert value(text, "messaging_client_consumed_messages_total", **system) == 94
    assert value(text, "messaging_process_duration_seconds_count", **system) == 68
    assert value(text, "messaging_process_duration_seconds_count", error_type="HandlerTimeout", **system) == 4
    assert value(text, "messaging_process_duration_seconds_bucket", le="5", error_type="HandlerTimeout", **system) <= 4
    assert value(text, "loafer_settled_messages_total", source="orders", operation="acknowledge") == 68
    assert value(text, "loafer_queue_latency_seconds_count", source="orders") == 94
    assert value(text, "loafer_alive") == value(text, "loafer_ready") == 1
    assert value(text, "loafer_held_messages", route="orders", source="orders") == 0
    received = [number for (name, _), number in values(text).items() if name == "loafer_receives_total"]
    calls = {"messaging_operation_name": "receive", **system}
    assert sum(received) == value(text, "messaging_client_operation_duration_seconds_count", **calls)
    assert measures.receives["orders", "empty"] > 0


async def test_no_label_holds_an_id_of_a_message_or_a_body() -> None:
    _, _, text = await run()
    assert "orders-" not in text
    assert "why" not in text


async def test_two_workers_are_added_up() -> None:
    _, measures, text = await run()
    both = text_of(merged([measures.families(), measures.families()]))
    for (name, labels), number in values(text_of(measures.families())).items():
        assert values(both)[name, labels] == 2 * number
    assert value(text, "loafer_messages_total", route="orders", outcome="succeeded") == 60


async def test_of_two_workers_one_that_is_not_alive_counts() -> None:
    world, _, _ = await run()
    status = world.dispatcher.status()
    good, bad = (list(families_of(attrs.evolve(status, blocked=blocked), 30)) for blocked in (0.0, 31.0))
    text = text_of(merged([good, bad]))
    assert value(text, "loafer_alive") == 0
    assert value(text, "loafer_loop_blocked_seconds") == 31


def test_kinds_of_errors_are_bounded() -> None:
    measures = Measures()
    message = Message(id="1", body="x", receipt="r", receive_count=1, source="orders")
    for number in range(MOST_KINDS + 50):
        measures.handled([("orders", message, Outcome.FAILED, type(f"Error{number}", (Exception,), {})(), 0.1)])
    assert len(measures.errors) == MOST_KINDS + 1
    assert measures.errors["orders", "others", ""] == 50
    assert len(measures.handling) == MOST_KINDS + 1


@pytest.mark.parametrize("strange", ['a"b', "a\\b", "a\nb"])
def test_a_label_may_hold_anything(strange: str) -> None:
    measures = Measures()
    measures.received(strange, 10, [])
    assert value(text_of(measures.families()), "loafer_receives_total", source=strange, result="empty") == 1


def test_nothing_counted_is_no_metric() -> None:
    assert text_of(Measures().families()) == ""
    assert merged([]) == []


def test_a_duration_on_a_bound_is_within_it() -> None:
    measures = Measures()
    message: Any = Message(id="1", body="x", receipt="r", receive_count=1, source="orders")
    measures.handled([("orders", message, Outcome.SUCCEEDED, None, 0.25)])
    text = text_of(measures.families())
    labels = {"messaging_system": "aws_sqs", "messaging_destination_name": "orders"}
    assert value(text, "messaging_process_duration_seconds_bucket", le="0.25", **labels) == 1
    assert value(text, "messaging_process_duration_seconds_bucket", le="0.1", **labels) == 0
    assert value(text, "messaging_process_duration_seconds_bucket", le="+Inf", **labels) == 1


def test_what_is_counted_many_at_once_comes_to_the_same_as_one_by_one() -> None:
    seconds = [0.0, 0.005, 0.0051, 0.25, 10.0, 10.1, 3600.0, 0.3, 0.3]
    alone, together = Histogram(LONG_BOUNDS), Histogram(LONG_BOUNDS)
    for each in seconds:
        alone.add(each)
    together.add_all(seconds[:4])
    together.add_all(seconds[4:])
    assert together.counts == alone.counts
    assert together.sum == pytest.approx(alone.sum)


def test_what_is_done_while_metrics_are_asked_for_is_counted_once() -> None:
    measures = Measures()
    message = Message(id="1", body="x", receipt="r", receive_count=1, source="orders", sent_at=0.0)
    asked = threading.Event()

    def ask() -> None:
        while not asked.is_set():
            measures.families()

    asking = threading.Thread(target=ask)
    asking.start()
    for number in range(20_000):
        measures.handled([("orders", message, Outcome.SUCCEEDED, None, 0.1)])
        if number % 10 == 0:
            measures.received("orders", 10, [message] * 10)
    asked.set()
    asking.join()
    text = text_of(measures.families())
    assert value(text, "loafer_messages_total", route="orders", outcome="succeeded") == 20_000
    assert value(text, "loafer_queue_latency_seconds_count", source="orders") == 20_000


def test_errors_are_told_apart_by_their_class_and_where_they_were_raised() -> None:
    measures = Measures()
    message = Message(id="1", body="x", receipt="r", receive_count=1, source="orders")

    def one() -> None:
        raise ValueError("a secret")

    def another() -> None:
        raise ValueError("a secret")

    def a_third() -> None:
        raise KeyError("a secret")

    for place in (one, another, another, a_third):
        try:
            place()
        except (ValueError, KeyError) as error:
            measures.handled([("orders", message, Outcome.FAILED, error, 0.1)])
    assert sorted(measures.errors.values()) == [1, 1, 2]
    assert {(kind, place.rpartition(".")[2]) for _, kind, place in measures.errors} == {
        ("ValueError", "one"),
        ("ValueError", "another"),
        ("KeyError", "a_third"),
    }
    assert "secret" not in text_of(measures.families())
