import json
import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.entrypoints.worker.json_lines import JsonLines


def line(message: object = "text", *args: object, **fields: Any) -> dict[str, Any]:
    record = logging.LogRecord("orders", logging.WARNING, "/app/orders.py", 9, message, args, None, "handle")
    record.__dict__.update(fields)
    text = JsonLines().format(record)
    assert "\n" not in text
    read: dict[str, Any] = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    return read


def test_a_record_has_the_names_of_the_schema() -> None:
    read = line("sent %d", 3, created=1767225600.25, process=7, processName="worker-1", threadName="MainThread")
    assert read == {
        "@timestamp": "2026-01-01T00:00:00.250Z",
        "log.level": "warning",
        "message": "sent 3",
        "ecs.version": "8.17.0",
        "log.logger": "orders",
        "log.origin.file.name": "orders.py",
        "log.origin.file.line": 9,
        "log.origin.function": "handle",
        "process.pid": 7,
        "process.name": "worker-1",
        "process.thread.name": "MainThread",
    }


def test_the_message_that_is_handled_is_in_it_by_its_own_names() -> None:
    read = line(message_id="m-1", source="orders", route="default", attempt=2, group=None, latency=0.25)
    assert {name: value for name, value in read.items() if name.startswith(("messaging.", "loafer."))} == {
        "messaging.message.id": "m-1",
        "messaging.destination.name": "orders",
        "loafer.route": "default",
        "loafer.attempt": 2,
        "loafer.latency": 0.25,
    }


def test_an_error_is_in_it_with_its_traceback() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        read = line(exc_info=sys.exc_info())
    assert (read["error.type"], read["error.message"]) == ("ZeroDivisionError", "division by zero")
    assert read["error.stack_trace"].startswith("Traceback (most recent call last):\n")


@pytest.mark.parametrize("name", ["exc_text", "stack_info"])
def test_a_stack_that_is_text_already_is_in_it_too(name: str) -> None:
    assert line(**{name: "a stack"})["error.stack_trace"] == "a stack"


def test_no_error_is_no_error() -> None:
    assert not [name for name in line(exc_info=(None, None, None)) if name.startswith("error.")]


def test_extras_are_in_it_and_take_no_name_from_the_rest() -> None:
    extras = {"order": {"id": 5, "lines": [1.5, {2}]}, "log.level": "fatal", "trace.id": "0af7"}
    read = line(**extras)
    assert (read["order"], read["trace.id"]) == ({"id": 5, "lines": [1.5, [2]]}, "0af7")
    assert read["log.level"] == "warning"


def test_whatever_is_in_a_record_it_becomes_a_line() -> None:
    class Mute:
        def __str__(self) -> str:
            raise ValueError

    endless: list[object] = []
    endless.append(endless)
    read = line("%d", "no number", mute=Mute(), nan=float("nan"), endless=endless, keyed={1: Mute()}, half="\ud800")
    assert read["message"] == "'%d' cannot be formatted with its arguments: TypeError"
    assert read["mute"] == "<a Mute without a text: ValueError>"
    assert (read["nan"], read["half"]) == ("nan", "?")
    assert read["keyed"] == {"1": "<a Mute without a text: ValueError>"}


@given(st.text(), st.dictionaries(st.text(), st.recursive(st.text() | st.floats() | st.binary(), st.lists)))
def test_any_text_and_any_extras_become_a_line_that_readers_take(message: str, extras: dict[str, Any]) -> None:
    read = line("%s", message, order=extras)
    json.dumps(read, ensure_ascii=False).encode()
