"""What works on dead letters and is stopped before it has seen any: it says so, and its exit status does."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import pytest

from loafer.adapters.memory.inspector import MemoryInspector
from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.message import OutgoingMessage
from loafer.entrypoints.commands.dlq.filters import filter_of
from loafer.entrypoints.commands.dlq.looking import UNFINISHED, Stop, Talk
from loafer.entrypoints.commands.dlq.purge import Purge
from loafer.entrypoints.commands.dlq.run import Run
from loafer.entrypoints.commands.dlq.ways import Way, Wish

STOPPED = Stop(asked=True)


@attrs.define
class Said:
    """What a command has said."""

    results: list[str] = attrs.field(factory=list)
    asides: list[str] = attrs.field(factory=list)

    def talk(self, *, as_json: bool = False) -> Talk:
        return Talk(self.results.append, self.asides.append, as_json)


@pytest.fixture
def dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryQueue:
    """Return a queue with three dead letters; files are of this test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    queue = MemoryQueue("dead")
    for number in range(3):
        queue.send(OutgoingMessage(str(number)))
    return queue


async def run_of(dead: MemoryQueue, talk: Talk) -> Run:
    source, target = MemoryInspector(dead), MemoryInspector(MemoryQueue("orders"))
    way = Way(source, await source.open(), target, await target.open())
    return Run(Wish(queue="dead", yes=True), way, filter_of(None), {}, STOPPED, talk)


async def purge_of(dead: MemoryQueue, talk: Talk) -> Purge:
    inspector = MemoryInspector(dead)
    return Purge(inspector, await inspector.open(), filter_of(None), {}, STOPPED, talk)


async def test_a_redrive_that_is_stopped_before_its_first_look_is_not_done(dead: MemoryQueue) -> None:
    said = Said()
    assert await (await run_of(dead, said.talk())).move(None) == UNFINISHED
    assert said.results == ["sent 0   deleted 0   (0 seen of ~3)", "stopped: it was stopped"]
    assert said.asides[-1].startswith("not all is done: go on with --resume dead.")
    assert len(dead.visible) == 3


async def test_a_purge_that_is_stopped_before_its_first_look_is_not_done(dead: MemoryQueue) -> None:
    said = Said()
    assert await (await purge_of(dead, said.talk())).delete() == UNFINISHED
    assert said.results == ["deleted 0   (0 seen of ~3, stopped before the end)", "stopped: it was stopped"]


@pytest.mark.parametrize("work", [run_of, purge_of])
async def test_a_dry_run_that_is_stopped_has_not_seen_all_and_its_status_says_so(
    work: Callable[[MemoryQueue, Talk], Awaitable[Run | Purge]], dead: MemoryQueue
) -> None:
    said = Said()
    assert await (await work(dead, said.talk())).dry() == UNFINISHED
    assert "(0 seen of ~3, stopped before the end)" in said.results[0]
    said = Said()
    assert await (await work(dead, said.talk(as_json=True))).dry() == UNFINISHED
    assert json.loads(said.results[0])["complete"] is False
