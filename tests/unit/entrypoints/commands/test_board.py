from pathlib import Path
from typing import Any

import attrs

from loafer.entrypoints.commands.board import Board, Look


def look(at: float, calls: int, pid: int = 41, started: int = 1, **changes: Any) -> Look:
    route = {"name": "orders", "source": "orders", "jobs": 1, "limit": 10, "held": 1, "oldest": None, "trouble": None}
    route |= {"paused": False, "p50": None, "p99": None, "counts": {"succeeded": calls}, "calls": {"receive": calls}}
    worker = {
        "pid": pid,
        "started": started,
        "at": at,
        "alive": True,
        "routes": [{**route, **changes}],
        "not_alive": [],
        "not_ready": [],
    }
    return Look(Path("x"), worker)


def board(*looks: list[Look]) -> Board:
    made = Board()
    for each in looks:
        made.take(each)
    return made


def test_api_calls_are_counted_up_to_an_hour() -> None:
    assert board([look(0, 0)], [look(1, 2)], [look(3, 6)]).head().endswith("7 200 API calls/h")


def test_a_worker_of_the_same_number_that_was_started_later_begins_anew() -> None:
    seen = board([look(0, 1000)], [look(1, 1001)], [look(2, 2000, started=2)], [look(3, 2003, started=2)])
    assert [row.cells["rate"] for row in seen.routes("", 10)] == ["3.0"]
    assert [row.cells["spark"] for row in seen.routes("", 10)] == ["█"]


def test_the_rate_of_a_worker_that_has_fallen_silent_is_not_that_of_its_last_word() -> None:
    busy = look(1, 5)
    seen = board([look(0, 0)], [busy])
    assert [row.cells["rate"] for row in seen.routes("", 10)] == ["5.0"]
    seen.take([attrs.evolve(busy, worker={**busy.worker, "alive": False}, answers=False)])
    assert [row.cells["rate"] for row in seen.routes("", 10)] == [""]


def test_a_route_that_is_paused_in_some_workers_says_in_how_many() -> None:
    one, two = look(1, 0), look(1, 0, pid=42, paused=True)
    assert [row.cells["route"] for row in board([one, two]).routes("", 10)] == ["paused in 1 orders"]
    assert [row.cells["route"] for row in board([one, two]).routes(two.key, 10)] == ["paused orders"]


def test_what_others_wrote_cannot_change_the_terminal() -> None:
    seen = board([look(1, 0, trouble="\x1b[2J gone", source="a\nb")])
    [row] = seen.routes("", 10)
    assert (row.cells["trouble"], row.cells["source"]) == ("\\x1b[2J gone", "a\\nb")


def test_a_worker_of_another_version_that_tells_no_calls_is_shown() -> None:
    other = look(1, 5)
    del other.worker["routes"][0]["calls"]
    assert board([other]).head() == "1 worker   1 route   0.0 done/s   0 API calls/h"
