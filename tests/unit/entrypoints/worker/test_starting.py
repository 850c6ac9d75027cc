"""Signals that come while a worker starts."""

import os
import signal
import sys
import threading
from contextlib import suppress
from importlib.machinery import ExtensionFileLoader
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from loafer.entrypoints.supervisor.supervisor import heard_signals
from loafer.entrypoints.worker.ending import SIGNALS
from loafer.entrypoints.worker.signals import heard
from loafer.entrypoints.worker.starting import StoppedAtStart, ended_by_signals, stop_signals

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_start_as_a_clean_stop_does(number: int) -> None:
    with pytest.raises(SystemExit) as caught, ended_by_signals():
        os.kill(os.getpid(), number)
    assert caught.value.code == 0


def test_what_catches_errors_and_exits_of_an_import_catches_no_signal() -> None:
    def load() -> None:
        with suppress(Exception, SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit), ended_by_signals():
        load()


def test_a_signal_of_which_a_compiled_module_makes_an_import_error_ends_the_start_all_the_same() -> None:
    def load() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except StoppedAtStart:
            raise ImportError("cannot initialise module strings") from None

    with pytest.raises(SystemExit) as caught, ended_by_signals():
        load()
    assert caught.value.code == 0
    with pytest.raises(ImportError), ended_by_signals():
        raise ImportError("without a signal")


@pytest.mark.parametrize("again", [1, 3])
def test_a_signal_while_a_compiled_module_is_loaded_ends_the_start_once_that_is_loaded(
    again: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a module may take an error in the middle for something else, or look at none, and crash."""
    timers: list[Callable[[], None]] = []
    loaded = []

    def load(module: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        for timer in timers * again:  # its time is over, and the module is not yet loaded
            timer()
        loaded.append(module)

    def start() -> None:
        ExtensionFileLoader("strings", "strings.so").exec_module(module)
        assert loaded == [module]
        timers[-1]()

    module = ModuleType("strings")
    monkeypatch.setattr("_imp.exec_dynamic", load)
    with pytest.raises(SystemExit) as caught, ended_by_signals(lambda _, act: timers.append(act)):
        start()
    assert caught.value.code == 0


def test_a_signal_while_a_compiled_module_is_loaded_changes_nothing_once_the_start_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timers: list[Callable[[], None]] = []
    heard_of: list[int] = []
    monkeypatch.setattr("_imp.exec_dynamic", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr(signal, "raise_signal", heard_of.append)
    with ended_by_signals(lambda _, act: timers.append(act)):
        ExtensionFileLoader("strings", "strings.so").exec_module(ModuleType("strings"))
    timers[-1]()
    assert heard_of == []


def test_a_signal_that_comes_where_nothing_can_be_raised_is_not_shown_and_ends_the_start_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[type[BaseException] | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: shown.append(unraisable.exc_type))

    class Signals:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    class Fails:
        def __del__(self) -> None:
            raise ValueError

    stopped = threading.Event()
    with ended_by_signals():
        Signals()
        Fails()
        with heard(stopped.set):
            assert stopped.wait(60)
    assert shown == [ValueError]


def test_a_signal_that_was_swallowed_at_the_start_stops_the_worker_as_soon_as_it_hears_any() -> None:
    stopped = threading.Event()
    with ended_by_signals():
        with pytest.raises(StoppedAtStart):
            os.kill(os.getpid(), signal.SIGTERM)
        with heard(stopped.set):
            assert stopped.wait(60)


def test_a_signal_that_was_swallowed_at_the_start_stops_a_supervisor_as_soon_as_it_hears_any() -> None:
    with ended_by_signals():
        with pytest.raises(StoppedAtStart):
            os.kill(os.getpid(), signal.SIGINT)
        with heard_signals() as readable:
            assert os.read(readable, 10) == bytes([signal.SIGTERM])


def test_without_a_signal_nothing_is_heard() -> None:
    stopped = threading.Event()
    with ended_by_signals(), heard(stopped.set):
        pass
    assert not stopped.is_set()


@pytest.mark.parametrize("number", SIGNALS)
def test_once_the_worker_has_ended_a_signal_changes_nothing(number: int) -> None:
    with ended_by_signals():
        with heard(lambda: None):
            pass
        os.kill(os.getpid(), number)


def test_in_the_end_signals_have_the_actions_that_they_had() -> None:
    before = [signal.getsignal(number) for number in stop_signals()]
    with ended_by_signals():
        pass
    assert [signal.getsignal(number) for number in stop_signals()] == before
