"""For how long an answer was on its way, by its `Date`, whatever the server's clock says and however it is set."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lean_fakes import MESSAGE, answered, lean

from loafer.adapters.aws.address import queue_address
from loafer.adapters.aws.queue import Queue
from loafer.adapters.aws.server_clock import SUSPECT, ServerClock, date_of, seconds_of
from loafer.ports.consumer import ANSWER_AGE, ANSWER_DOUBTED

MOST = 3.0
"""Seconds after which an answer is known to have been on its way for long."""

UNSEEN = 2.2
"""Seconds by which a clock may be set before any call of a tenth of a second each way is sure to contradict that."""

times = st.floats(0, 0.3)
"""Seconds that a quick call takes on its way there, and on its way back."""


@attrs.define
class Server:
    """A server, by whose clock it is `ahead` seconds later; our time stands in `now`."""

    ahead: float = 0.0
    now: float = 1_000.0
    known: ServerClock = attrs.field(init=False)
    looks: int = 0

    def __attrs_post_init__(self) -> None:
        self.known = ServerClock(lambda: self.now)

    def answered(self, there: float, back: float, waits: float) -> float:
        self.now += there + waits
        date = math.floor(self.now + self.ahead)
        self.now += back
        return date

    def waited(self) -> None:
        """Answer a long poll, by which it is known that dates are those of answers."""
        self.call(0.1, 0.1)
        assert self.call(0.1, 0.1, 20, empty=True) == 0

    async def look(self) -> None:
        self.looks += 1
        before = self.now
        self.known.note(self.answered(0.1, 0.1, 0), before)

    def call(self, there: float = 0.0, back: float = 0.0, waits: float = 0.0, *, empty: bool = False) -> float:
        """Answer a call after so many seconds, and return what whoever received was told of the answer's age."""
        asked, told = self.now, list[float]()

        date = self.answered(there, back, waits)
        if self.known.note(date, asked) and not empty:
            token = ANSWER_AGE.set(told.append)
            asyncio.run(self.known.tell(date, asked, self.look))
            ANSWER_AGE.reset(token)
        return told[0] if told else 0.0


@given(ahead=st.floats(-1e6, 1e6), calls=st.lists(st.tuples(times, times, st.floats(0, 20)), min_size=1, max_size=20))
def test_of_answers_that_come_as_usual_nothing_is_told(ahead: float, calls: list[tuple[float, float, float]]) -> None:
    server = Server(ahead)
    assert [server.call(there, back, waits) for there, back, waits in calls] == [0.0] * len(calls)
    assert not server.looks


@given(
    ahead=st.floats(-1e6, 1e6),
    calls=st.lists(st.tuples(times, times), min_size=1, max_size=20),
    waits=st.floats(0, 20),
    late=st.floats(MOST + 0.7, 60),
)
def test_one_that_was_late_is_as_old_as_that_at_least_and_hardly_older(
    ahead: float, calls: list[tuple[float, float]], waits: float, late: float
) -> None:
    server = Server(ahead)
    server.waited()
    for there, back in calls:
        server.call(there, back)
    age = server.call(back=late, waits=waits)
    assert late - 1e-6 <= age <= late + 2.9
    assert server.call() == 0.0


@given(
    ahead=st.floats(-1e6, 1e6),
    to=st.one_of(st.floats(-1e6, 1e6), st.floats(-3, 3)),
    waits=st.floats(0, 20),
    late=st.floats(MOST + UNSEEN + 0.7, 60),
)
def test_a_clock_that_is_set_is_looked_at_and_nothing_is_told_of_that(
    ahead: float, to: float, waits: float, late: float
) -> None:
    server = Server(ahead)
    server.waited()
    for _ in range(5):
        server.call(0.1, 0.1)
        server.now += 0.37
    server.ahead = ahead + to
    assert server.call(0.1, 0.1, waits) == 0.0
    for _ in range(5):
        server.call(0.1, 0.1)
        server.now += 0.37
    assert late - UNSEEN <= server.call(back=late) <= late + UNSEEN + 2


def test_a_host_whose_clock_is_another_one_costs_no_more_than_every_other_message() -> None:
    server, told = Server(), list[float]()
    server.waited()
    for _ in range(10):
        server.ahead = -8.0  # a poll
        told.append(server.call(0.1, 0.1, waits=8))
        server.ahead = 0.0  # any other call
        server.call(0.1, 0.1)
        server.ahead = 0.0
    assert told.count(0.0) >= 5


@given(
    late=st.floats(MOST + 0.7, 30),
    polls=st.lists(st.floats(0, 0.9), min_size=2, max_size=5),
)
def test_answers_that_one_stall_of_the_network_has_kept_are_all_as_late(late: float, polls: list[float]) -> None:
    server, told = Server(), list[float]()
    server.waited()
    asked = server.now
    dates = [math.floor(asked + each) for each in polls]
    server.now += 1 + late
    token = ANSWER_AGE.set(told.append)
    for date in dates:
        if server.known.note(date, asked):
            asyncio.run(server.known.tell(date, asked, server.look))
    ANSWER_AGE.reset(token)
    assert len(told) == len(polls)
    assert all(late - 1e-6 <= age <= late + 4.9 for age in told)


@given(st.floats(0, 0.2), st.floats(0, 1))
def test_polls_of_three_seconds_show_that_a_server_dates_its_answers(there: float, phase: float) -> None:
    server = Server()
    server.now += phase
    server.call(there, 0.1, empty=True)
    for _ in range(20):
        server.call(there, 0.1, 3, empty=True)
        server.now += 0.37
    assert server.call(back=6) > 0


@given(dates=st.lists(st.sampled_from(["of the request", "of the answer", "none"]), max_size=5), late=st.floats(0, 30))
def test_until_it_is_known_what_a_date_is_that_of_nobody_can_tell(dates: list[str], late: float) -> None:
    server, doubts = Server(), list[bool]()
    server.call(0.1, 0.1)
    token = ANSWER_DOUBTED.set(lambda: doubts.append(True))
    asked = server.now
    for kind in dates:
        asked = server.now
        server.now += late
        date = {"of the request": math.floor(asked), "of the answer": math.floor(asked + 0.1), "none": None}[kind]
        server.known.suspect(date, asked, {})
        assert not doubts, "nothing has come of which that matters"
        server.known.suspect(date, asked, {"Messages": [{}]})
        assert doubts == [True]
        assert SUSPECT.get() is None
        doubts.clear()
    server.waited()
    server.known.suspect(math.floor(server.now), server.now, {"Messages": [{}]})
    assert not doubts
    server.known.suspect(None, server.now, {"Messages": [{}]})
    assert doubts == [True]
    ANSWER_DOUBTED.reset(token)


@given(late=st.floats(MOST + 0.7, 30), by=st.floats(-0.9, 0.9))
def test_where_a_second_answer_is_as_late_as_the_one_before_that_is_doubted(late: float, by: float) -> None:
    server, doubts = Server(), list[bool]()
    server.waited()
    token = ANSWER_DOUBTED.set(lambda: doubts.append(True))
    assert server.call(back=late) > 0
    assert server.call(0.1, 0.1) == 0
    assert not doubts
    second = server.call(back=max(MOST + 0.7, late + by))
    ANSWER_DOUBTED.reset(token)
    assert (second > 0) is not bool(doubts), "either it is known to be late, or nobody can tell"


@given(late=st.floats(MOST + 0.7, 30), quiet=st.floats(61, 1e5))
def test_a_network_that_is_as_late_again_after_a_minute_is_late_both_times(late: float, quiet: float) -> None:
    server = Server()
    server.waited()
    for _ in range(2):
        assert server.call(back=late) >= late - 1e-6
        server.now += quiet
        assert server.call(0.1, 0.1) == 0.0


@given(calls=st.lists(st.tuples(times, times, st.floats(0, 20), st.booleans()), max_size=30))
def test_of_a_server_that_dates_answers_by_their_requests_nothing_is_told(
    calls: list[tuple[float, float, float, bool]],
) -> None:
    now = 1_000.0
    clock = ServerClock(lambda: now)
    for there, back, waits, _ in calls:
        asked = now
        now += there + waits + back
        assert not clock.note(math.floor(asked + there), asked)


async def test_a_look_that_fails_or_hangs_changes_nothing() -> None:
    clock, told = ServerClock(lambda: now), list[float]()
    now = 1_000.0
    clock.note(50, 999.9)
    now += 20
    clock.note(70, 1_000.0)
    now += 5

    async def fails() -> None:
        raise OSError

    async def hangs() -> None:
        await asyncio.sleep(3600)

    token = ANSWER_AGE.set(told.append)
    for look in (fails, hangs):
        clock._late = 0.0, -math.inf
        assert clock.note(70, 1_020.0)
        await clock.tell(70, 1_020.0, look)
    ANSWER_AGE.reset(token)
    assert len(told) == 2


@given(st.integers(0, 4_102_444_800))
def test_a_date_is_read_as_http_has_it(seconds: int) -> None:
    assert seconds_of(formatdate(seconds, usegmt=True).encode()) == seconds


@pytest.mark.parametrize(
    "date",
    [
        b"",
        b"yesterday",
        b"Sun, 06 Nov 1994 08:49:37 +0100",
        b"Sun, 31 Feb 1994 08:49:37 GMT",
        b"Sun, 06 Nov 0 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49 GMT",
        b"Sun, 06 Nov 1994 99:49:37 GMT",
        b"\xff" * 30,
        b"9" * 100_000,
    ],
)
def test_what_is_no_date_says_nothing(date: bytes) -> None:
    assert seconds_of(date) is None


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ({"ResponseMetadata": {"HTTPHeaders": {"date": "Sun, 06 Nov 1994 08:49:37 GMT"}}}, 784_111_777),
        ({"ResponseMetadata": {"HTTPHeaders": {"date": "Sun, 06 Nov 1994 08:49:37 \u2603"}}}, None),
        ({"ResponseMetadata": {"HTTPHeaders": {}}}, None),
        ({"ResponseMetadata": None}, None),
        ({}, None),
    ],
)
def test_the_date_of_an_answer_of_the_sdk(said: dict[str, Any], date: float | None) -> None:
    assert date_of(said) == date


@attrs.define
class Told:
    """A clock of ours that may be put on, and what is told of the age of answers."""

    now: float = 1_000.0
    ages: list[float] = attrs.field(factory=list)

    def clock(self) -> ServerClock:
        return ServerClock(lambda: self.now)

    async def late(self, call: Callable[[], Awaitable[object]]) -> list[float]:
        """Call three times, the third time for somebody who is told, and return what he was; the second one waits."""
        await call()
        self.now += 40
        await call()
        token = ANSWER_AGE.set(self.ages.append)
        await call()
        ANSWER_AGE.reset(token)
        return self.ages


def dates(*seconds: int) -> list[str]:
    return [formatdate(1_700_000_000 + each, usegmt=True) for each in seconds]


def over_the_lean_transport(post: Callable[..., Awaitable[Any]], told: Told) -> Queue:
    transport, _ = lean()
    transport.server, transport.http = told.clock(), SimpleNamespace(post=post)  # type: ignore[assignment]
    return attrs.evolve(Queue(queue_address("orders"), None, lean=transport), url="u")


async def test_whoever_receives_over_the_lean_transport_is_told() -> None:
    told, body = Told(), json.dumps({"Messages": [MESSAGE]}).encode()
    answers = [answered(body, Date=date) for date in dates(0, 60, 60, 65)]
    calls: list[float] = []

    async def slow(*_: Any) -> Any:
        calls.append(told.now)
        told.now += {2: 20, 3: 5}.get(len(calls), 0)
        return answers.pop(0)

    queue = over_the_lean_transport(slow, told)
    [age] = await told.late(lambda: queue.call("receive_message", WaitTimeSeconds=20))
    assert 5 <= age <= 6


@pytest.mark.parametrize("is_lean", [True, False])
async def test_an_answer_that_came_in_time_is_not_given_up_for_the_look_that_follows_it(is_lean: bool) -> None:
    told, left = Told(), dates(0, 60, 60, 65)
    body = json.dumps({"Messages": [MESSAGE]}).encode()

    async def takes_its_time() -> str:
        told.now += {3: 20, 2: 5}.get(len(left), 0)
        await asyncio.sleep(1.5 if len(left) == 1 else 0.1)
        return left.pop(0)

    async def post(*_: Any) -> Any:
        return answered(body, Date=await takes_its_time())

    class Client:
        async def receive_message(self, **_: Any) -> dict[str, Any]:
            return {"ResponseMetadata": {"HTTPHeaders": {"date": await takes_its_time()}}, "Messages": [MESSAGE]}

        get_queue_attributes = receive_message

    if is_lean:
        queue = over_the_lean_transport(post, told)
    else:
        queue = attrs.evolve(Queue(queue_address("orders"), Client(), server=told.clock()), url="u")
    [age] = await told.late(lambda: queue.call("receive_message", within=1, WaitTimeSeconds=20))
    assert 5 <= age <= 6
    assert not left


async def test_whoever_receives_over_the_sdk_is_told() -> None:
    told, left = Told(), dates(0, 60, 60, 65)

    class Client:
        async def receive_message(self, **_: Any) -> dict[str, Any]:
            told.now += {3: 20, 2: 5}.get(len(left), 0)
            return {"ResponseMetadata": {"HTTPHeaders": {"date": left.pop(0)}}, "Messages": [MESSAGE]}

        async def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
            return {"ResponseMetadata": {"HTTPHeaders": {"date": left.pop(0)}}}

    queue = attrs.evolve(Queue(queue_address("orders"), Client(), server=told.clock()), url="u")
    [age] = await told.late(lambda: queue.call("receive_message", WaitTimeSeconds=20))
    assert 5 <= age <= 6
