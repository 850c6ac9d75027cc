import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from loafer.entrypoints.worker.backlog import Backlog
from loafer.entrypoints.worker.writer import MOMENT, MOMENTS, Writer

Start = Callable[[Callable[[], None]], None]


class ByHand:
    """A thread that runs when it is told to."""

    def __call__(self, target: Callable[[], None]) -> None:
        self.run = target


def writer(log: list[Any], limit: int = 100, **options: Any) -> Writer:
    usual: dict[str, Any] = {"start_thread": ByHand(), "patience": 0.0, "pause": log.append}
    made = Writer(lambda dropped: log.append(f"{dropped} dropped"), backlog=Backlog(limit), **usual | options)
    made.start()
    return made


def gets_on(made: Writer, _: float) -> None:
    made._do_next()


def test_things_are_done_in_order_and_all_of_them_before_it_is_closed() -> None:
    log: list[Any] = []
    made = writer(log, start_thread=lambda target: threading.Thread(target=target).start(), patience=60.0)
    for number in range(50):
        made.put(partial(log.append, number), 1)
    assert made.close() == 0
    assert log == [*range(50)]


def test_whoever_gives_something_to_a_thread_that_is_blocked_goes_on_and_closing_takes_no_longer_than_patience() -> (
    None
):
    log: list[Any] = []
    go_on, begun = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        go_on.wait(60)

    thread = threading.Thread(target=lambda: None)

    def start(target: Callable[[], None]) -> None:
        nonlocal thread
        thread = threading.Thread(target=target)
        thread.start()

    made = writer(log, start_thread=start)
    made.put(block, 1)
    made.put(lambda: log.append("later"), 1)
    assert begun.wait(60)
    assert made.close() == 2
    assert not made.gone
    made.put(lambda: log.append("dropped"), 1)
    go_on.set()
    thread.join(60)
    assert log == ["later"]


def test_a_full_one_lets_its_caller_wait_some_moments_once_and_drops_then() -> None:
    log: list[Any] = []
    made = writer(log, limit=2)
    for number in range(4):
        made.put(partial(log.append, number), 1)
    assert log == [MOMENT] * MOMENTS
    assert made.backlog.dropped == 2


def test_who_may_not_wait_is_dropped_at_once() -> None:
    log: list[Any] = []
    made = writer(log, limit=1, may_wait=lambda: False)
    made.put(lambda: None, 1)
    made.put(lambda: None, 1)
    assert (log, made.backlog.dropped) == ([], 1)


def test_where_the_thread_gets_on_nothing_is_dropped() -> None:
    log: list[Any] = []
    made = writer(log, limit=2)
    made.pause = partial(gets_on, made)
    for number in range(6):
        made.put(partial(log.append, number), 1)
    assert (log, made.backlog.dropped) == ([0, 1, 2, 3], 0)


def test_what_was_dropped_is_told_in_its_place() -> None:
    log: list[Any] = []
    run = ByHand()
    made = writer(log, limit=2, may_wait=lambda: False, start_thread=run)
    for name in ("first", "second", "dropped", "dropped too"):
        made.put(partial(log.append, name), 1)
    made._do_next()
    made.put(lambda: log.append("third"), 1)
    made._items.put(None)
    run.run()
    assert log == ["first", "second", "2 dropped", "third"]


def test_what_was_dropped_is_told_at_the_end_too() -> None:
    log: list[Any] = []
    run = ByHand()
    made = writer(log, limit=1, may_wait=lambda: False, start_thread=run)
    made.put(lambda: log.append("first"), 1)
    made.put(lambda: log.append("dropped"), 1)
    made._items.put(None)
    run.run()
    assert made.close() == 0
    assert log == ["first", "1 dropped"]


def test_what_comes_while_it_is_closed_is_done_and_what_comes_later_at_once() -> None:
    log: list[Any] = []
    run = ByHand()
    made = writer(log, start_thread=run)
    made._items.put(None)
    run.run()
    made.put(lambda: log.append("meanwhile"), 1)
    assert made.close() == 0
    made.put(lambda: log.append("later"), 1)
    assert log == ["meanwhile", "later"]


def test_what_fails_is_shown_and_does_not_end_the_thread(capsys: pytest.CaptureFixture[str]) -> None:
    log: list[Any] = []
    run = ByHand()
    made = writer(log, start_thread=run)
    made.put(lambda: 1 / 0, 1)
    made.put(lambda: log.append("next"), 1)
    made._items.put(None)
    run.run()
    assert log == ["next"]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_in_a_forked_process_everything_is_done_at_once() -> None:
    log: list[Any] = []
    made = writer(log)
    made.forget()
    made.put(lambda: log.append("now"), 1)
    assert log == ["now"]
