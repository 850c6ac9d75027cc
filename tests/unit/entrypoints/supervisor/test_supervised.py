import asyncio
import logging
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from typing import Any

import pytest

from loafer.entrypoints.settings.load import load_settings
from loafer.entrypoints.settings.mistakes import Given, Mistakes
from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.supervisor.link import Began, Hurry, SupervisorLink, WorkerLink
from loafer.entrypoints.supervisor.orders import by_supervisor
from loafer.entrypoints.supervisor.supervised import work
from loafer.entrypoints.worker import manager as manager_module
from loafer.entrypoints.worker.ending import SIGNALS, Ending
from loafer.entrypoints.worker.logs import set_up_logs
from loafer.entrypoints.worker.manager import Manager
from loafer.exceptions import ConsumerError

SOURCE = "memory://worked"
HEARD = (*SIGNALS, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

pytestmark = pytest.mark.usefixtures("own_signals")


class NoDeadline:
    """Waits for no bound: the process is that of the tests."""

    def __init__(self, *_: object) -> None: ...

    def begin(self) -> None: ...

    def hurry(self) -> None: ...


@pytest.fixture(autouse=True)
def no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process live on after the bound of a stop."""
    monkeypatch.setattr(manager_module, "Deadline", NoDeadline)


@pytest.fixture
def links() -> Iterator[tuple[SupervisorLink, WorkerLink]]:
    here, there = Pipe()
    yield here, there
    here.close()
    there.close()


def settings(handler: str = "loafer.example.demo.coroutine") -> Settings:
    return Settings(routes=(RouteSettings(source=SOURCE, handler=handler, options={"WaitTimeSeconds": 0.05}),))


def worked(settings: Settings, link: WorkerLink) -> object:
    with pytest.raises(SystemExit) as caught:
        work(settings, 0, link)
    return caught.value.code


def test_a_worker_tells_that_it_began_and_how_it_ended(links: tuple[SupervisorLink, WorkerLink]) -> None:
    here, there = links
    here.send(Hurry())
    assert worked(settings(), there) == 0
    assert [here.recv(), here.recv()] == [Began(), Ending()]


def test_a_worker_that_never_begins_tells_why(links: tuple[SupervisorLink, WorkerLink]) -> None:
    here, there = links
    assert worked(settings("no.such"), there) == 2
    ending = here.recv()
    assert isinstance(ending, Ending)
    assert ending.status == 2
    assert ending.text.startswith("loafer: LOAFER_DEFAULT_ROUTE_HANDLER='no.such'")


def test_a_worker_without_a_supervisor_stops(links: tuple[SupervisorLink, WorkerLink]) -> None:
    here, there = links
    here.close()
    assert worked(settings(), there) == 0


def test_at_its_end_a_worker_can_be_ended_by_sigterm_only(links: tuple[SupervisorLink, WorkerLink]) -> None:
    here, there = links
    here.close()
    worked(settings(), there)
    assert [signal.getsignal(number) for number in SIGNALS] == [signal.SIG_IGN, signal.SIG_DFL]


@pytest.mark.parametrize("error", [None, ConsumerError("gone"), SystemExit(3)], ids=repr)
def test_at_no_moment_of_its_end_does_a_signal_end_a_worker(
    error: BaseException | None, links: tuple[SupervisorLink, WorkerLink], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, there = links
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as `work` does
    actions, set_action = [], signal.signal

    def noted(number: int, action: Any) -> Any:
        actions.append(action)
        return set_action(number, action)

    async def ends() -> None:
        with by_supervisor(there, lambda: None):
            monkeypatch.setattr(signal, "signal", noted)
            if error is not None:
                raise error

    with suppress(ConsumerError, SystemExit):
        asyncio.run(ends())
    assert actions == [signal.SIG_IGN] * len(HEARD)


def test_signals_that_reach_the_whole_group_mean_one_stop(links: tuple[SupervisorLink, WorkerLink]) -> None:
    _, there = links
    stops = []

    @contextmanager
    def counted(stop: Callable[[], None]) -> Iterator[None]:
        def stop_once_more() -> None:
            stops.append(1)
            stop()

        with by_supervisor(there, stop_once_more):
            yield

    def began() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
            os.kill(os.getpid(), number)

    Manager(settings()).run(began, counted)
    assert len(stops) == 1


def test_the_settings_of_a_worker_are_those_of_its_supervisor() -> None:
    mistakes = Mistakes()
    loaded = load_settings([{"LOAFER_DEFAULT_ROUTE_SOURCE": Given("orders", "option --source")}], mistakes)
    again = pickle.loads(pickle.dumps(loaded))
    assert (again, again.origins, again.routes[0].origins) == (loaded, loaded.origins, loaded.routes[0].origins)


@pytest.mark.parametrize(
    ("origins", "named"), [({}, True), ({"log_format": "environment variable"}, False)], ids=["default", "given"]
)
def test_lines_name_their_process_unless_a_format_is_given(
    monkeypatch: pytest.MonkeyPatch, origins: dict[str, str], named: bool
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    set_up_logs(Settings(origins=origins), 0, Mistakes(), several=True)
    [handler] = root.handlers
    assert handler.formatter is not None
    assert ("%(processName)s" in (handler.formatter._fmt or "")) is named
