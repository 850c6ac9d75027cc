"""What is noted of messages that come back says why; each cause is provoked."""

import asyncio

import pytest
from test_observer import handle
from world import World, queue

from loafer.application.histories import Histories
from loafer.application.options import Options
from loafer.domain.batch import Failure
from loafer.domain.history import RAN, Note, reasons_of

SECONDS = 1_000_000.0


def noted(world: World) -> list[Note]:
    notes = list[Note]()
    world.dispatcher.observers = (Histories(notes.append, lambda: SECONDS),)
    return notes


def causes(notes: list[Note]) -> list[str]:
    return [reason.cause for reason in reasons_of(notes)]


async def test_nothing_is_noted_of_what_is_done_at_once() -> None:
    world = World(queue("orders", "sleep 1", "reject"), handle)
    notes = noted(world)
    await world.run_for(5)
    assert notes == []


@pytest.mark.parametrize(
    ("body", "cause", "error"),
    [
        ("fail", "failed", "ValueError"),
        ("ignore", "ignored", "IgnoreMessage"),
        ("sleep 30", "timeout", "HandlerTimeout"),
    ],
)
async def test_how_a_handler_ended_is_noted_and_that_its_message_comes_back(body: str, cause: str, error: str) -> None:
    world = World(queue("orders", body), handle, Options(handler_timeout=10, retry_delay=3600))
    notes = noted(world)
    await world.run_for(20)
    assert causes(notes) == [cause]
    [ran] = [note for note in notes if note.kind == RAN]
    assert (ran.error, ran.receives, ran.source, ran.at) == (error, 1, "orders", SECONDS)


async def test_what_is_done_at_a_later_attempt_is_noted_too() -> None:
    tries = iter([ValueError, None])

    async def second(content: str) -> None:
        if (error := next(tries)) is not None:
            raise error

    world = World(queue("orders", "a"), second, Options(retry_delay=1))
    notes = noted(world)
    await world.run_for(10)
    assert [(note.kind, note.word, note.receives) for note in notes] == [
        ("ran", "failed", 1),
        ("comes back", "failed", 1),
        ("ran", "succeeded", 2),
    ]


async def test_what_a_stop_cancels_is_noted() -> None:
    world = World(queue("orders", "sleep 100"), handle, Options(grace_period=1))
    notes = noted(world)
    await world.run_for(5)
    assert causes(notes) == ["stop"]


async def test_a_lost_lease_is_noted() -> None:
    world = World(queue("orders", "sleep 100", visibility_timeout=30), handle)
    notes = noted(world)
    world.faults.extending.append(Failure("the receipt has expired", retryable=False))
    async with world:
        await asyncio.sleep(25)
        assert causes(notes) == ["lease lost"]


async def test_a_deletion_that_is_refused_is_noted() -> None:
    world = World(queue("orders", "sleep 1", visibility_timeout=600), handle)
    notes = noted(world)
    world.faults.settling.append(Failure("no such receipt", retryable=False))
    await world.run_for(10)
    assert causes(notes) == ["delete failed"]


async def test_a_message_that_somebody_unknown_had_before_is_noted() -> None:
    world = World(queue("orders", "sleep 1"), handle)
    notes = noted(world)
    [message] = await (other := world.consumer()).receive(1)
    await other.release([message], [0.0])
    await world.run_for(10)
    assert causes(notes) == ["elsewhere"]
    assert [note.word for note in notes if note.kind == RAN] == ["succeeded"]
