"""The shop in memory, with a database of its own."""

import ast
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from database import Database
from shop import Click, Invoice, Order, State, app, save_clicks, thumbnail

from loafer import Context, Item, Outcome
from loafer.testing import World, deliver, in_memory


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(statement: str) -> list[Any]:
    with closing(sqlite3.connect("shop.db")) as connection:
        return connection.execute(statement).fetchall()


def test_a_thumbnail_is_written(folder: Path) -> None:
    assert deliver(thumbnail, content={"image": 7, "width": 3, "height": 2}).acknowledged
    assert (folder / "thumbnail-7.pgm").read_bytes() == b"P5 3 2 255\n" + bytes(6)


async def test_a_click_without_a_url_is_rejected_alone() -> None:
    good, bad = Item(Click("/a")), Item(Click(""))
    with closing(Database("shop.db")) as db:
        await save_clicks([good, bad], Context(State(db)))
    assert [good.outcome, bad.outcome] == [Outcome.SUCCEEDED, Outcome.REJECTED]
    assert rows("select url from clicks") == [("/a",)]


async def test_an_order_is_booked_and_its_receipt_published() -> None:
    async with in_memory(app) as world:
        world.publish("orders", {"id": 1, "total": 5})
        world.publish("orders", {"id": 2, "total": -1})
        world.publish("orders", {"id": "three"})
        result = await world.settle()
        assert sorted(result.outcomes) == ["rejected", "rejected", "succeeded"]
        assert Order(2, -1) in result.rejected
        assert {"id": "three"} in result.rejected
        assert result.published == [("receipts", {"order": 1}), ("shop-events", {"order": 1})]
    assert rows("select * from orders") == [(1, "orders-1", 1)]


def test_invoices_keep_their_order_and_clicks_come_in_one_batch(loafer_world: World) -> None:
    loafer_world.add(app)
    for number in range(3):
        loafer_world.publish("invoices.fifo", {"number": number}, group="ada", deduplication_id=str(number))
    for number in range(20):
        loafer_world.publish("clicks", {"url": f"/{number}" if number else ""})
    result = loafer_world.run(app)
    assert result.of("invoices.fifo").acknowledged == [Invoice(0), Invoice(1), Invoice(2)]
    assert result.of("clicks").rejected == [Click("")]
    assert rows("select count(*) from clicks") == [(19,)]


def test_it_takes_no_more_than_forty_lines_beside_its_types() -> None:
    statements = ast.parse(Path(app.line.file).read_text(encoding="utf-8")).body[1:]  # without what it is about
    assert sum(_lines(each) for each in statements if not isinstance(each, ast.ClassDef)) <= 40


def _lines(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return (statement.end_lineno or 0) - min([statement.lineno, *(each.lineno for each in decorators)]) + 1
