import asyncio
from typing import Any

import pytest
from world import World, queue

from loafer.application.options import Options
from loafer.entrypoints.worker import desk
from loafer.entrypoints.worker.desk import Desk


async def handle(content: str) -> None:
    await asyncio.sleep(float(content))  # the line that is to be named


def world_of(*bodies: str) -> World:
    options = Options(max_jobs=1, prefetch=5, grace_period=0)
    return World(queue("orders", *bodies, visibility_timeout=300), handle, options)


def desk_of(world: World) -> Desk:
    return Desk(world.dispatcher, lambda: {"pid": 41})


async def test_what_is_held_is_told_with_its_age_attempt_and_lease() -> None:
    async with world_of(*["0.3"] * 8, "100", *["0.3"] * 20) as world:
        await asyncio.sleep(10)
        answer = await desk_of(world).answer({"ask": "held"})
        assert answer["ok"]
        assert answer["all"] == len(answer["held"]) == world.dispatcher.held > 1
        first, *others = answer["held"]
        assert (first["id"], first["route"], first["what"], first["attempt"]) == ("orders-9", "orders", "runs", 1)
        assert 5 < first["handled"] <= first["age"] < 10
        assert 100 < first["lease_left"] <= 300
        assert {each["what"] for each in others} == {"waits"}
        assert {each["handled"] for each in others} == {None}


async def test_no_more_is_told_than_fits_into_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST_SHOWN", 2)
    async with world_of(*["0.3"] * 8, "100", *["0.3"] * 20) as world:
        await asyncio.sleep(10)
        answer = await desk_of(world).answer({"ask": "held"})
        assert len(answer["held"]) == 2
        assert answer["all"] == world.dispatcher.held > 2


async def test_stacks_are_told_of_all_or_of_one() -> None:
    async with world_of("100") as world:
        await asyncio.sleep(1)
        asked = desk_of(world)
        [stack] = (await asked.answer({"ask": "stacks"}))["stacks"]
        assert (stack["id"], stack["route"]) == ("orders-1", "orders")
        assert "# the line that is to be named" in stack["stack"]
        assert (await asked.answer({"ask": "stacks", "id": "orders-1"}))["stacks"] == [stack]
        assert (await asked.answer({"ask": "stacks", "id": "orders-2"}))["stacks"] == []


async def test_a_route_is_paused_and_resumed_and_drained_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async with world_of("0.1") as world:
        await asyncio.sleep(1)
        asked = desk_of(world)
        for what, paused in (("pause", True), ("resume", False), ("drain", True)):
            assert await asked.answer({"ask": what, "route": "orders"}) == {"ok": True, "done": True}
            assert world.dispatcher.status().routes[0].paused is paused
        refused = {"ok": False, "error": "there is no route 'cl\\x1bicks', but orders"}
        assert await asked.answer({"ask": "drain", "route": "cl\x1bicks"}) == refused
    said = [each.getMessage() for each in caplog.records if each.name == desk.__name__]
    assert said == [f"route orders is {word}, as it was asked for" for word in ("paused", "resumed", "drained")]


async def test_a_blocked_loop_is_told_of_and_does_it_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world_of("0.1") as world:
        await asyncio.sleep(1)
        asked, later = desk_of(world), list[Any]()
        assert world.dispatcher.view is not None
        loop = world.dispatcher.view.loop
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *call: later.append(call))
        assert await asked.answer({"ask": "pause", "route": "orders"}) == {"ok": True, "done": False}
        monkeypatch.undo()
        assert not world.dispatcher.status().routes[0].paused
        later[0][0]()
        assert world.dispatcher.status().routes[0].paused


@pytest.mark.parametrize(
    "asked",
    [None, 1, "held", [], {}, {"ask": "shutdown"}, {"ask": ["held"]}, {"ask": "pause"}, {"ask": "pause", "route": 1}],
)
async def test_what_is_not_understood_is_refused(asked: object) -> None:
    async with world_of() as world:
        await asyncio.sleep(1)
        answer = await desk_of(world).answer(asked)
    assert answer["ok"] is False
    assert "ask for status, held, stacks" in answer["error"]


async def test_a_worker_that_has_not_begun_says_so_and_how_it_is() -> None:
    asked = desk_of(world_of())
    assert await asked.answer({"ask": "status"}) == {"ok": True, "status": {"pid": 41}}
    for what in ("held", "stacks", "pause"):
        answer = await asked.answer({"ask": what, "route": "orders"})
        assert answer == {"ok": False, "error": "the worker has not begun to receive"}
