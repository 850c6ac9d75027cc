import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from loafer.domain.prices import RECEIVE, Billed
from loafer.entrypoints.commands.cost import document_of, lines_of, show_cost

CALLS = [
    Billed(operation=RECEIVE, place="orders", calls=720, chunks=720, empty=700, messages=20, wait=5, most=10),
    Billed(operation="delete_message_batch", place="orders", calls=20, chunks=20),
]


def worker(*calls: Billed, up: float = 3600.0) -> dict[str, Any]:
    return {"pid": 41, "up": up, "calls": [attrs.asdict(line) for line in calls]}


def test_the_table_fits_and_says_what_would_cost_less() -> None:
    lines = "\n".join(lines_of([worker(*CALLS)])).splitlines()
    assert lines == [
        "call                of      so far  a month  billed as  $ a month",
        "ReceiveMessage      orders     720   518400     518400       0.21",
        "DeleteMessageBatch  orders      20    14400      14400       0.01",
        "in all                         740   532800     532800       0.21",
        "counted by 1 worker, up for 1 h; a month is 30 days like that",
        "list prices of 2026-11, us-east-1, without the free million",
        "orders: WaitTimeSeconds 20 instead of 5: fewer empty receives: $ 0.15 a month less",
    ]


def test_each_worker_counts_for_the_time_that_it_runs() -> None:
    document = document_of([worker(*CALLS), worker(*CALLS, up=7200.0)])
    assert [line["calls"] for line in document["so_far"]] == [1440, 40]
    assert [line["calls"] for line in document["a_month"]] == [777_600, 21_600]
    assert document["dollars"] == pytest.approx(799_200 * 0.4 / 1_000_000)


def test_no_worker_is_said_and_is_status_3(tmp_path: Path) -> None:
    printed: list[str] = []
    assert show_cost([str(tmp_path / "none.json")], as_json=False, echo=printed.append) == 3
    assert printed[0].startswith("no worker found")
    assert show_cost([str(tmp_path / "none.json")], as_json=True, echo=printed.append) == 3
    assert json.loads(printed[1])["dollars"] == 0
