import logging
import logging.config
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import attrs
import pytest

from loafer.entrypoints.worker import log_queue
from loafer.entrypoints.worker.backlog import Backlog
from loafer.entrypoints.worker.log_queue import by_the_heartbeat, log_writer
from loafer.entrypoints.worker.writer import Writer

logger = logging.getLogger(__name__)
context: ContextVar[str] = ContextVar("context", default="outside")


def patient() -> Writer:
    """Return a writer that takes no thread for blocked because the machine has other work."""
    return attrs.evolve(log_writer(), patience=60.0)


queued_logs = partial(log_queue.queued_logs, new_writer=patient)


@attrs.define(eq=False)
class Noted(logging.Handler):
    """Notes each record's text, with what was to be seen where it was handled."""

    see: Callable[[logging.LogRecord], object] = lambda record: record.getMessage()
    seen: list[object] = attrs.field(factory=list)

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.see(record))


@pytest.fixture(autouse=True)
def own_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [*root.handlers])
    monkeypatch.setattr(log_queue._CALLING, "queues", ())  # nor what a test leaves blocked
    before = logging.Logger.callHandlers
    yield
    assert logging.Logger.callHandlers is before


def noted(see: Callable[[logging.LogRecord], object] = lambda record: record.getMessage()) -> Noted:
    handler = Noted(see)
    logging.getLogger().addHandler(handler)
    return handler


def test_handlers_are_called_on_another_thread_in_order_and_all_of_it_is_written_at_the_end() -> None:
    handler = noted(lambda record: (record.getMessage(), threading.current_thread().name))
    with queued_logs():
        for number in range(20):
            logger.warning("%s", number)
    assert handler.seen == [(str(number), "loafer-writes") for number in range(20)]
    logger.warning("at once")
    assert handler.seen[-1] == ("at once", threading.current_thread().name)


def test_handlers_that_are_added_or_configured_later_are_called_there_too() -> None:
    here = threading.current_thread().name
    named = logging.getLogger("test.configured")
    with queued_logs():
        handler = noted(lambda _: threading.current_thread().name)
        logger.warning("text")
        kind = {"()": lambda: Noted(lambda _: threading.current_thread().name)}
        configuration = {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"noted": kind},
            "loggers": {"test.configured": {"handlers": ["noted"], "level": "DEBUG", "propagate": False}},
        }
        logging.config.dictConfig(configuration)
        [configured] = named.handlers
        named.debug("text")
    assert isinstance(configured, Noted)
    assert handler.seen == configured.seen == ["loafer-writes"]
    assert here != "loafer-writes"
    named.handlers.clear()


def test_caplog_sees_everything(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), queued_logs():
        logger.info("count: %d", 5)
    assert caplog.record_tuples == [(__name__, logging.INFO, "count: 5")]


def test_a_handler_gets_the_error_itself_and_the_context_that_the_record_was_made_in() -> None:
    handler = noted(lambda record: (record.exc_info and record.exc_info[1], context.get(), record.threadName))
    error = ValueError("text")
    with queued_logs():
        token = context.set("a message")
        logger.error("failed", exc_info=error)
        context.reset(token)
        logger.error("failed")
    here = threading.current_thread().name
    assert handler.seen == [(error, "a message", here), (None, "outside", here)]


def test_what_a_handler_logs_itself_goes_to_the_handlers_at_once() -> None:
    def see(record: logging.LogRecord) -> str:
        if record.getMessage() == "outer":
            logger.warning("inner")
        return record.getMessage()

    handler = noted(see)
    with queued_logs():
        logger.warning("outer")
        logger.warning("next")
    assert handler.seen == ["inner", "outer", "next"]


def test_a_level_that_is_not_logged_makes_no_record_at_all() -> None:
    writers = []

    def new_writer() -> Writer:
        writers.append(patient())
        return writers[-1]

    quiet = logging.getLogger("test.quiet")
    quiet.setLevel(logging.WARNING)
    with queued_logs(new_writer=new_writer):
        quiet.info("nobody wants it")
        assert writers[0]._items.empty()


def test_in_a_process_of_someone_else_only_the_heartbeats_records_are_queued() -> None:
    handler = noted(lambda record: (record.getMessage(), threading.current_thread().name))
    with queued_logs(by_the_heartbeat):
        logger.warning("host")
        heartbeat = threading.Thread(target=partial(logger.warning, "beat"), name="loafer-heartbeat")
        heartbeat.start()
        heartbeat.join()
    assert sorted(handler.seen, key=str) == [("beat", "loafer-writes"), ("host", threading.current_thread().name)]


def test_where_handlers_block_the_end_comes_all_the_same_and_standard_error_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_queue, "COMPLAINING", 60)
    go_on, begun = threading.Event(), threading.Event()
    before = logging.Logger.callHandlers

    def see(record: logging.LogRecord) -> str:
        begun.set()
        go_on.wait(60)
        return record.getMessage()

    handler = noted(see)
    writers = []

    def new_writer() -> Writer:
        writers.append(attrs.evolve(log_writer(), patience=0.0))
        return writers[-1]

    with queued_logs(new_writer=new_writer):
        for number in range(3):
            logger.warning("%s", number)
        begun.wait(60)
    logger.warning("dropped, for it would block")
    assert capsys.readouterr().err == ("loafer: 3 records of the log could not be written: its handlers are blocked\n")
    go_on.set()
    assert writers[0]._ended.wait(60)
    assert handler.seen == ["0", "1", "2"]
    logging.Logger.callHandlers = before  # type: ignore[method-assign]


def test_how_much_was_dropped_is_logged() -> None:
    handler = noted()

    def new_writer() -> Writer:
        return attrs.evolve(patient(), backlog=Backlog(1), may_wait=lambda: False)

    go_on, begun = threading.Event(), threading.Event()

    def block(record: logging.LogRecord) -> bool:
        begun.set()
        return go_on.wait(60)

    handler.addFilter(block)
    with queued_logs(new_writer=new_writer):
        logger.warning("first")
        begun.wait(60)
        logger.warning("second")
        logger.warning("third")
        go_on.set()
    assert handler.seen == ["first", "2 records of the log were dropped here: its handlers could not keep up"]


def test_a_forked_process_calls_its_handlers_itself() -> None:
    readable, writable = os.pipe()
    noted(lambda record: os.write(writable, record.getMessage().encode()))
    with queued_logs():
        child = os.fork()
        if child == 0:
            logger.warning("forked")
            os._exit(0)
        os.waitpid(child, 0)
    os.close(writable)
    assert os.read(readable, 100) == b"forked"
    os.close(readable)


def test_whoever_wrapped_the_same_method_meanwhile_is_left_in_its_place() -> None:
    handler, called = noted(), []
    before = logging.Logger.callHandlers
    try:
        with queued_logs():
            inner: Callable[[Any, logging.LogRecord], None] = logging.Logger.callHandlers

            def wrapped(logger: logging.Logger, record: logging.LogRecord) -> None:
                called.append(record.getMessage())
                inner(logger, record)

            logging.Logger.callHandlers = wrapped  # type: ignore[method-assign, assignment]
            logger.warning("first")
        logger.warning("second")
        assert called == handler.seen == ["first", "second"]
    finally:
        logging.Logger.callHandlers = before  # type: ignore[method-assign]


def test_of_two_that_overlap_nothing_is_left_whichever_ends_first() -> None:
    before = logging.Logger.callHandlers
    first, second = queued_logs(by_the_heartbeat), queued_logs(by_the_heartbeat)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert logging.Logger.callHandlers is not before
    second.__exit__(None, None, None)
    assert logging.Logger.callHandlers is before


def test_blocks_that_overlap_again_and_again_leave_nothing_behind_and_cost_no_more_each_time() -> None:
    handler, before = noted(), logging.Logger.callHandlers
    current = queued_logs()
    current.__enter__()
    for _ in range(1000):
        following = queued_logs()
        following.__enter__()
        current.__exit__(None, None, None)
        current = following
    logger.warning("still told")
    current.__exit__(None, None, None)
    assert handler.seen == ["still told"]
    assert logging.Logger.callHandlers is before


def test_a_handler_of_someone_elses_log_that_raises_stops_nothing_of_loafer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def raises(_: logging.LogRecord) -> object:
        raise OSError("no space left")

    with queued_logs(by_the_heartbeat):
        logging.getLogger().addHandler(Noted(raises))
        logging.getLogger("loafer.application.report").error("one")
        with pytest.raises(OSError, match="no space left"):
            logging.getLogger("theirs").error("two")
    assert capsys.readouterr().err.count("OSError: no space left") == 1


def test_a_record_that_the_programs_own_factory_cannot_make_is_made_for_loafer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        raise LookupError("no request here")

    before = logging.Logger.makeRecord
    handler = noted()
    with queued_logs(by_the_heartbeat), queued_logs():
        monkeypatch.setattr(logging, "_logRecordFactory", factory)
        logging.getLogger("loafer.application.report").error("message %s", "one")
        with pytest.raises(LookupError):
            logging.getLogger("theirs").error("two")
    assert handler.seen == ["message one"]
    assert capsys.readouterr().err.count("LookupError: no request here") == 1
    assert logging.Logger.makeRecord is before


def test_whoever_changed_how_records_are_made_meanwhile_is_left_in_its_place_and_called_once_by_the_next_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []
    handler = noted()
    monkeypatch.setattr(logging.Logger, "makeRecord", logging.Logger.makeRecord)
    with queued_logs():
        inner: Callable[..., logging.LogRecord] = logging.Logger.makeRecord

        def make(logger: logging.Logger, *args: Any, **kwargs: Any) -> logging.LogRecord:
            made.append("made")
            return inner(logger, *args, **kwargs)

        logging.Logger.makeRecord = make  # type: ignore[method-assign, assignment]
    with queued_logs():
        logging.getLogger("loafer.application.report").error("one")
    assert logging.Logger.makeRecord is make
    assert (made, handler.seen) == (["made"], ["one"])
