import logging
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.handled import HANDLED
from loafer.application.lane import Lane
from loafer.application.route import Route
from loafer.domain.message import Message
from loafer.entrypoints.worker.log_queue import queued_logs
from loafer.logs import MessageFields, add_message_fields

MESSAGE = Message("m-1", "body", "receipt", receive_count=2, group="g")


async def handle(content: Any) -> None: ...


@pytest.fixture
def handling() -> Iterator[None]:
    queue = MemoryQueue("orders")
    route = Route("main", "orders", lambda: MemoryConsumer(queue), lambda _: {}, handle)
    lane = Lane(route, MemoryConsumer(queue), lambda: 0.0)
    token = HANDLED.set((lane, MESSAGE, 0.0))
    yield
    HANDLED.reset(token)


def fields(record: logging.LogRecord) -> dict[str, object]:
    names = ("message_id", "route", "attempt", "group", "latency", "source")
    return {name: record.__dict__[name] for name in names if name in record.__dict__}


M_1 = {"message_id": "m-1", "route": "main", "attempt": 2, "group": "g", "latency": None, "source": "orders"}


@pytest.mark.usefixtures("handling")
def test_a_group_cannot_forge_a_line_of_the_log() -> None:
    handling = HANDLED.get()
    assert handling is not None
    HANDLED.set((handling[0], attrs.evolve(MESSAGE, group="g\nERROR\x1b"), 0.0))
    record = logging.makeLogRecord({})
    assert MessageFields().filter(record)
    assert record.__dict__["group"] == "g\\nERROR\\x1b"


@pytest.mark.usefixtures("handling")
def test_a_filter_tells_records_which_message_is_handled() -> None:
    record = logging.makeLogRecord({})
    assert MessageFields().filter(record)
    assert fields(record) == M_1


@pytest.mark.usefixtures("handling")
def test_what_a_record_has_already_goes_before() -> None:
    record = logging.makeLogRecord({"route": "a road"})
    MessageFields().filter(record)
    assert fields(record) == M_1 | {"route": "a road"}


def test_where_no_message_is_handled_a_record_stays_as_it_is() -> None:
    record = logging.makeLogRecord({})
    assert MessageFields().filter(record)
    assert fields(record) == {}


@pytest.mark.usefixtures("handling")
def test_a_worker_tells_it_to_the_records_of_every_logger(caplog: pytest.LogCaptureFixture) -> None:
    with queued_logs():
        logging.getLogger("a.handlers.own").warning("text")
    [record] = caplog.records
    assert fields(record) == M_1


@pytest.mark.usefixtures("handling")
def test_a_processor_of_structlog_tells_events_which_message_is_handled() -> None:
    event = add_message_fields(None, "info", {"event": "text", "group": "mine"})
    assert event == {"event": "text", "message_id": "m-1", "route": "main", "attempt": 2, "group": "mine"}


def test_an_event_outside_of_a_handler_stays_as_it_is() -> None:
    assert add_message_fields(None, "info", {"event": "text"}) == {"event": "text"}
