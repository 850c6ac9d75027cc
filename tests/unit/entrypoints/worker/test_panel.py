import json
from typing import Any

import pytest

from loafer.domain.metrics import Family, Sample
from loafer.entrypoints.supervisor.reports import SILENT, Reports
from loafer.entrypoints.worker.panel import Panel
from loafer.entrypoints.worker.told import Told


def document(name: str = "", **changes: Any) -> dict[str, Any]:
    return {"worker": name, "alive": True, "ready": True, "not_alive": [], "not_ready": [], **changes}


def counted(number: float) -> list[Family]:
    return [
        Family("loafer_messages", "counter", "Messages.", (Sample((("route", "a"),), number),)),
        Family("loafer_held_messages", "gauge", "Held.", (Sample((), 7),)),
    ]


def test_a_worker_that_is_well_is_alive_and_ready() -> None:
    panel = Panel(lambda: [Told(document())])
    alive, ready = panel.answer("/livez"), panel.answer("/readyz")
    assert alive is not None
    assert ready is not None
    assert (alive.status, alive.text) == (200, "alive\n")
    assert (ready.status, ready.text) == (200, "ready\n")


def test_a_worker_that_is_not_says_why() -> None:
    panel = Panel(lambda: [Told(document(not_alive=["it is blocked"], not_ready=["it is stopping", "and more"]))])
    alive, ready = panel.answer("/livez"), panel.answer("/readyz")
    assert alive is not None
    assert ready is not None
    assert (alive.status, alive.text) == (503, "not alive: it is blocked\n")
    assert (ready.status, ready.text) == (503, "not ready: it is stopping\nnot ready: and more\n")


def test_of_several_workers_each_has_to_be_well_and_those_that_are_not_are_named() -> None:
    panel = Panel(lambda: [Told(document("worker-1")), Told(document("worker-2", not_alive=["it is blocked"]))])
    answer = panel.answer("/livez")
    assert answer is not None
    assert (answer.status, answer.text) == (503, "not alive: worker-2: it is blocked\n")


def test_the_status_is_what_all_workers_say() -> None:
    panel = Panel(lambda: [Told(document("worker-1")), Told(document("worker-2", not_ready=["why"]))])
    answer = panel.answer("/status")
    assert answer is not None
    said = json.loads(answer.text)
    assert (said["alive"], said["ready"], said["not_ready"]) == (True, False, ["worker-2: why"])
    assert [worker["worker"] for worker in said["workers"]] == ["worker-1", "worker-2"]


def test_metrics_are_those_of_all_workers_together() -> None:
    answer = Panel(lambda: [Told(document(), counted(3)), Told(document(), counted(4))]).answer("/metrics")
    assert answer is not None
    assert 'loafer_messages_total{route="a"} 7\n' in answer.text
    assert "loafer_held_messages 14\n" in answer.text


@pytest.mark.parametrize("path", ["/", "/livez/", "/metrics2", "//status", "*"])
def test_there_is_nothing_else(path: str) -> None:
    assert Panel(list).answer(path) is None


def test_what_a_worker_had_counted_stays_counted_when_it_dies() -> None:
    reports = Reports("worker-1", lambda: 0.0)
    reports.take(Told(document("worker-1"), counted(3)))
    reports.lose()
    assert [family.name for family in reports.now().families] == ["loafer_messages"]
    reports.take(Told(document("worker-1"), counted(4)))
    messages, held = reports.now().families
    assert (messages.samples[0].value, held.samples[0].value) == (7, 7)


def test_a_post_without_a_worker_that_has_said_something_is_not_ready_and_no_reason_to_kill_all() -> None:
    told = Reports("worker-1", lambda: 0.0).now()
    assert told.document["not_ready"] == ["the worker has not begun yet"]
    assert told.document["not_alive"] == []


def test_a_worker_that_says_nothing_more_is_not_alive() -> None:
    now = 0.0
    reports = Reports("worker-1", lambda: now)
    reports.take(Told(document("worker-1")))
    now = SILENT
    assert reports.now().document["not_alive"] == []
    now = SILENT + 1
    assert reports.now().document["not_alive"] == ["it has said nothing for 6 s"]
