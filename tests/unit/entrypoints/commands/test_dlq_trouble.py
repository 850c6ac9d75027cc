"""What passes is waited for, and what was asked for though the answer was lost is seen."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import attrs
import pytest

from loafer.entrypoints.commands.dlq import native
from loafer.entrypoints.commands.dlq.looking import AGAIN, sources_of
from loafer.entrypoints.commands.dlq.ways import Way
from loafer.exceptions import AccessDenied, ConsumerUnavailable
from loafer.ports.inspector import MoveTask

LOST = ConsumerUnavailable("the connection ended")


@attrs.define
class Asked:
    """An inspector whose calls raise what they are told to, one after the other."""

    troubles: list[Exception] = attrs.field(factory=list)
    moves: list[MoveTask | Exception | None] = attrs.field(factory=list)

    async def sources(self) -> Sequence[str]:
        if self.troubles:
            raise self.troubles.pop(0)
        return ["orders"]

    async def start_move(self, to: object, rate: int | None) -> None:
        if self.troubles:
            raise self.troubles.pop(0)

    async def last_move(self) -> MoveTask | None:
        move = self.moves.pop(0)
        if isinstance(move, Exception):
            raise move
        return move


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: float) -> None: ...

    monkeypatch.setattr(asyncio, "sleep", at_once)


async def test_whose_dead_letters_they_are_is_asked_again_where_that_may_pass() -> None:
    assert await sources_of(cast("Any", Asked([LOST] * (AGAIN - 1)))) == ("orders",)
    with pytest.raises(ConsumerUnavailable):
        await sources_of(cast("Any", Asked([LOST] * AGAIN)))


async def test_where_nobody_may_ask_whose_dead_letters_they_are_nobody_knows() -> None:
    assert await sources_of(cast("Any", Asked([AccessDenied("no")]))) is None


BEFORE, ENDED = MoveTask("", "COMPLETED", 7, 7), MoveTask("", "COMPLETED", 9, 9)
RUNNING = MoveTask("handle", "RUNNING", 0, 9)


@pytest.mark.parametrize(
    ("before", "after"), [(None, RUNNING), (BEFORE, RUNNING), (BEFORE, MoveTask("", "COMPLETED", 9))]
)
async def test_a_move_that_has_begun_though_the_answer_was_lost_is_watched(
    before: MoveTask | None, after: MoveTask
) -> None:
    source = Asked([LOST], [LOST, before, LOST, after])  # as is asked again, too, where that may pass
    await native._start(Way(cast("Any", source), *[cast("Any", None)] * 3), None)


@pytest.mark.parametrize("before", [None, BEFORE])
async def test_a_move_that_has_not_begun_is_told_to_have_failed(before: MoveTask | None) -> None:
    source = Asked([LOST], [before, before])
    with pytest.raises(ConsumerUnavailable):
        await native._start(Way(cast("Any", source), *[cast("Any", None)] * 3), None)
