import itertools
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest

from loafer.entrypoints.supervisor.link import Began, Hurry, WorkerLink
from loafer.entrypoints.supervisor.supervisor import Supervisor
from loafer.entrypoints.worker.ending import Ending

if TYPE_CHECKING:
    from loafer.entrypoints.supervisor.post import Launch


@attrs.define(eq=False, slots=False)
class Puppet:
    """A process that does what it is told; counts how often it is asked to stop, and killed."""

    pid: int
    link: "Connection[Any, Any]"
    when_asked: "Callable[[Puppet], None]"
    exitcode: int | None = None
    asked: int = 0
    killed: int = 0

    def says(self, what: Began | Ending) -> None:
        self.link.send(what)

    def dies(self, exitcode: int) -> None:
        self.exitcode = exitcode
        signal.raise_signal(signal.SIGCHLD)

    def ends(self, ending: Ending) -> None:
        self.says(ending)
        self.dies(ending.status)

    def terminate(self) -> None:
        self.asked += 1
        if self.exitcode is None:
            self.when_asked(self)

    def kill(self) -> None:
        self.killed += 1
        self.dies(-9)

    def close(self) -> None:
        self.link.close()


@attrs.define(eq=False)
class Stage:
    """Launches puppets; what each does first comes from `acts`, and when they run out a puppet just begins."""

    acts: list[Callable[[Puppet], None]]
    endings: dict[int, Ending] = attrs.field(factory=dict)
    puppets: list[Puppet] = attrs.field(factory=list)
    told: list[str] = attrs.field(factory=list)
    begun: int = 0
    cut_off: Callable[[Ending, str], object] | None = None

    def launch(self, name: str, link: WorkerLink) -> Puppet:
        number = len(self.puppets)
        ending = self.endings.get(number, Ending())
        puppet = Puppet(number, Connection(os.dup(link.fileno())), lambda puppet: puppet.ends(ending))
        self.puppets.append(puppet)
        act = self.acts[number] if number < len(self.acts) else begin
        act(puppet)
        return puppet

    def began(self) -> None:
        self.begun += 1

    def run(self, count: int, grace_period: float = 30, clock: Callable[[], float] | None = None) -> int:
        ticks = itertools.count(0.0, 100.0)  # no pause is as long as the time between two looks at this clock
        launch = cast("Launch", self.launch)
        tell, clock = self.told.append, clock or partial(next, ticks)
        return Supervisor(count, launch, self.began, tell, grace_period, self.cut_off, clock).run()


def begin(puppet: Puppet) -> None:
    puppet.says(Began())


def begin_and_end(status: int, text: str = "") -> Callable[[Puppet], None]:
    def act(puppet: Puppet) -> None:
        begin(puppet)
        puppet.ends(Ending(status, text))

    return act


def begin_and_die(exitcode: int) -> Callable[[Puppet], None]:
    def act(puppet: Puppet) -> None:
        begin(puppet)
        puppet.dies(exitcode)

    return act


def begin_and_hear(number: int) -> Callable[[Puppet], None]:
    def act(puppet: Puppet) -> None:
        begin(puppet)
        signal.raise_signal(number)

    return act


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_workers_and_is_passed_on_once(number: int) -> None:
    stage = Stage([begin, begin_and_hear(number)])
    assert stage.run(2) == 0
    assert [puppet.asked for puppet in stage.puppets] == [1, 1]
    assert (stage.begun, stage.told) == (1, [])


def test_a_worker_that_ends_by_itself_stops_the_others_and_the_worst_status_counts() -> None:
    stage = Stage([begin_and_end(1, "loafer: gone")], {1: Ending(3), 2: Ending(2, "loafer: gone")})
    assert stage.run(3) == 3
    assert stage.told == ["loafer: gone"]


def test_an_ending_without_a_word_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert Stage([begin_and_end(3)]).run(2) == 3
    assert "worker-1 (process 0) ended with status 3: the others are stopped" in caplog.messages


def test_an_ending_with_a_line_of_its_own_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert Stage([begin_and_end(1, "loafer: gone")]).run(2) == 1
    assert caplog.messages == []


def test_a_worker_that_dies_is_replaced_under_its_name(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage([begin_and_die(-9), begin, begin_and_hear(signal.SIGTERM)])
    assert stage.run(2) == 0
    assert len(stage.puppets) == 3
    assert caplog.messages == ["worker-1 (process 0) was killed by SIGKILL; it is started again in 1 s"]


def test_an_exit_without_an_ending_is_a_death(caplog: pytest.LogCaptureFixture) -> None:
    assert Stage([begin_and_die(1), begin_and_hear(signal.SIGTERM)]).run(1) == 0
    assert caplog.messages == ["worker-1 (process 0) ended unexpectedly with status 1; it is started again in 1 s"]


def test_a_worker_that_cannot_be_started_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    def no_room(puppet: Puppet) -> None:
        raise BlockingIOError("no more processes")

    assert Stage([no_room, begin_and_hear(signal.SIGTERM)]).run(1) == 0
    assert caplog.messages == ["worker-1 could not be started: no more processes; it is started again in 1 s"]


def test_a_worker_that_is_killed_while_it_stops_is_not_replaced_and_counts() -> None:
    def killed_when_asked(puppet: Puppet) -> None:
        begin(puppet)
        puppet.when_asked = lambda puppet: puppet.dies(-9)

    stage = Stage([killed_when_asked, begin_and_hear(signal.SIGTERM)])
    assert stage.run(2) == 137
    assert len(stage.puppets) == 2


def test_a_worker_that_is_stopped_before_it_has_begun_ended_well() -> None:
    def starts_slowly(puppet: Puppet) -> None:
        puppet.when_asked = lambda puppet: puppet.dies(-15)

    assert Stage([starts_slowly, begin_and_hear(signal.SIGTERM)]).run(2) == 0


def test_a_worker_that_someone_stops_before_it_has_begun_stops_the_others(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage([begin, lambda puppet: puppet.dies(-15)])
    assert stage.run(2) == 0
    assert caplog.messages == []


def test_a_second_signal_is_passed_on_as_an_order_to_hurry() -> None:
    orders = []

    def hears_two(puppet: Puppet) -> None:
        begin_and_hear(signal.SIGTERM)(puppet)
        puppet.when_asked = asked

    def asked(puppet: Puppet) -> None:
        if puppet.asked == 1:
            signal.raise_signal(signal.SIGINT)
        else:
            orders.append(puppet.link.recv())
            puppet.ends(Ending())

    stage = Stage([hears_two])
    assert stage.run(1, grace_period=3600) == 0
    assert orders == [Hurry()]
    assert stage.puppets[0].killed == 0


def test_two_signals_at_once_are_one() -> None:
    orders = []

    def hears_two(puppet: Puppet) -> None:
        begin_and_hear(signal.SIGTERM)(puppet)
        signal.raise_signal(signal.SIGINT)
        puppet.when_asked = asked

    def asked(puppet: Puppet) -> None:
        signal.raise_signal(signal.SIGTERM)
        orders.append(puppet.link.poll(0.1))
        puppet.ends(Ending())

    stage = Stage([hears_two])
    assert stage.run(1, clock=lambda: 0.0) == 0
    assert (orders, stage.puppets[0].asked) == ([False], 1)


def test_where_a_worker_outlives_even_its_kill_the_process_is_ended_at_its_bound() -> None:
    cut_off: list[tuple[Ending, str]] = []

    def end(ending: Ending, line: str) -> None:
        cut_off.append((ending, line))
        stage.puppets[0].dies(-9)

    def outlives(puppet: Puppet) -> None:
        begin_and_hear(signal.SIGTERM)(puppet)
        puppet.when_asked = lambda puppet: None
        puppet.kill = lambda: None  # type: ignore[method-assign]

    stage = Stage([outlives], cut_off=end)
    assert stage.run(1) == 137
    [(ending, line)] = cut_off
    assert ending == Ending(137)
    assert line.endswith("so it is ended; left: worker-1 (process 0)")


def stops_never(puppet: Puppet) -> None:
    begin(puppet)
    puppet.when_asked = lambda puppet: None


def test_a_worker_that_has_not_stopped_when_its_time_is_over_is_killed(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage([stops_never, begin_and_hear(signal.SIGTERM)])
    assert stage.run(2) == 137
    assert [(puppet.asked, puppet.killed) for puppet in stage.puppets] == [(1, 1), (1, 0)]
    assert caplog.messages == [
        "worker-1 (process 0) has not stopped in time: it is killed",
        "worker-1 (process 0) was killed by SIGKILL while it was stopping",
    ]


def test_a_grace_period_may_be_longer_than_the_system_can_wait() -> None:
    def hears_two(puppet: Puppet) -> None:
        begin_and_hear(signal.SIGTERM)(puppet)
        puppet.when_asked = lambda puppet: puppet.ends(Ending()) if puppet.asked == 2 else signal.raise_signal(15)

    assert Stage([hears_two]).run(1, grace_period=1e300) == 0


def test_a_second_signal_shortens_the_time_in_which_a_worker_has_to_stop() -> None:
    def never_stops_but_hears_another(puppet: Puppet) -> None:
        begin_and_hear(signal.SIGTERM)(puppet)
        puppet.when_asked = lambda puppet: signal.raise_signal(signal.SIGTERM) if puppet.asked == 1 else None

    stage = Stage([never_stops_but_hears_another])
    assert stage.run(1, grace_period=3600) == 137
    assert [(puppet.asked, puppet.killed) for puppet in stage.puppets] == [(2, 1)]


def test_signals_are_given_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
    before = [signal.getsignal(number) for number in numbers]
    Stage([begin_and_hear(signal.SIGTERM)]).run(1)
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_what_is_done_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Stage([begin_and_hear(signal.SIGTERM)]).run(1)
    assert caplog.messages == ["SIGTERM: the workers are stopped"]
