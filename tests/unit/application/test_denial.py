"""While messages cannot be deleted: what starts, and what is tried to be deleted though its lease has ended."""

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from world import World, now, queue

from loafer.application.denial import MOST_BYTES, PROBATION, TRIED_FOR, Denial
from loafer.application.lane import Lane
from loafer.application.stop import Stop
from loafer.domain.batch import Failure
from loafer.domain.message import Message
from loafer.exceptions import AccessDenied, ConsumerUnavailable

GONE = ConsumerUnavailable("gone")
REFUSED = Failure("the receipt is no longer valid", retryable=False)


class Slots:
    """Notes when the lane was barred, and when it was not any more."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, float]] = []

    def bar(self, _: Lane) -> None:
        self.noted.append(("bar", now()))

    def unbar(self, _: Lane) -> None:
        self.noted.append(("unbar", now()))


@attrs.define(eq=False)
class Denied:
    """A denial, whose source answers to deletions as `answer` says, one by one."""

    answer: Any
    slots: Slots = attrs.field(factory=Slots)
    stop: Stop = attrs.field(factory=Stop)
    tried: list[list[str]] = attrs.field(factory=list)
    times: list[float] = attrs.field(factory=list)
    denial: Denial = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        world = World(queue("orders"), lambda _: asyncio.sleep(0))
        lane = Lane(world.route(), world.consumer(), now)
        lane.consumer.acknowledge = self.acknowledge  # type: ignore[method-assign]
        self.denial = Denial(lane, self.slots, self.stop, lambda _: None)  # type: ignore[arg-type]
        self.denial.over()  # it has worked before
        self.slots.noted.clear()

    async def acknowledge(self, messages: Sequence[Message]) -> list[Failure | None]:
        self.tried.append([message.receipt for message in messages])
        self.times.append(now())
        answers = [self.answer(message) for message in messages]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers


def some(*names: str, body: str = "body") -> list[Message]:
    return [Message(name, body, f"r-{name}") for name in names]


async def test_a_lane_is_barred_until_a_deletion_works_and_all_that_is_done_is_deleted_then() -> None:
    denied = Denied(lambda _: GONE if now() < 20 else None)
    denied.denial.in_vain(some(*map(str, range(25))))
    await asyncio.sleep(19)
    assert [kind for kind, _ in denied.slots.noted] == ["bar"]
    await asyncio.sleep(11)
    assert [kind for kind, _ in denied.slots.noted] == ["bar", "unbar"]
    assert [len(tried) for tried in denied.tried[-3:]] == [10, 10, 5]
    assert denied.times[-3] == pytest.approx(denied.times[-1], abs=0.001)
    deleted = [name for tried in denied.tried[-3:] for name in tried]
    assert sorted(deleted) == sorted(f"r-{number}" for number in range(25))


async def test_what_cannot_be_deleted_bars_its_lane_for_a_minute_and_is_tried_for_five() -> None:
    denied = Denied(lambda _: GONE)
    denied.denial.in_vain(some("1"))
    await asyncio.sleep(TRIED_FOR + 100)
    assert [(kind, round(at, -1)) for kind, at in denied.slots.noted] == [("bar", 0), ("unbar", PROBATION)]
    assert TRIED_FOR - 10 < denied.times[-1] < TRIED_FOR + 10


async def test_one_that_is_refused_for_good_shows_that_deletions_work() -> None:
    denied = Denied(lambda _: REFUSED)
    denied.denial.in_vain(some("1", "2"))
    await asyncio.sleep(5)
    assert (len(denied.tried), [kind for kind, _ in denied.slots.noted]) == (1, ["bar", "unbar"])


async def test_those_that_cannot_be_deleted_keep_no_others_from_it() -> None:
    denied = Denied(lambda message: GONE if message.id.startswith("bad") else None)
    denied.denial.in_vain(some(*[f"bad-{number}" for number in range(10)], "good"))
    await asyncio.sleep(30)
    assert any("r-good" in tried for tried in denied.tried)
    assert ["r-good"] not in denied.tried[-1:]


async def test_while_deleting_is_denied_its_lane_stays_barred_for_longer_than_a_minute() -> None:
    denied = Denied(lambda _: AccessDenied("no") if now() < 200 else None)
    denied.denial.in_vain(some("1"))
    await asyncio.sleep(190)
    assert {kind for kind, _ in denied.slots.noted} == {"bar"}
    await asyncio.sleep(20)
    assert denied.slots.noted[-1][0] == "unbar"
    assert denied.stop.cause is None


async def test_what_comes_again_meanwhile_is_deleted_with_its_newer_receipt() -> None:
    async def slow(messages: Sequence[Message]) -> list[Failure | None]:
        denied.tried.append([message.receipt for message in messages])
        await asyncio.sleep(5)
        return [None] * len(messages)

    denied = Denied(lambda _: None)
    denied.denial.lane.consumer.acknowledge = slow  # type: ignore[method-assign]
    denied.denial.in_vain([Message("1", "body", "r-1")])
    await asyncio.sleep(2)
    denied.denial.in_vain([Message("1", "body", "r-2", receive_count=2)])
    await asyncio.sleep(20)
    assert denied.tried == [["r-1"], ["r-2"]]


async def test_what_is_tried_to_be_deleted_takes_no_more_than_its_bytes() -> None:
    denied = Denied(lambda _: GONE)
    body = "x" * (MOST_BYTES // 8)
    denied.denial.in_vain(some(*map(str, range(20)), body=body))
    await asyncio.sleep(5)
    assert max(map(len, denied.tried)) == 8
    assert "r-19" in denied.tried[0]
    await denied.denial.end()


async def test_what_was_known_before_is_tried_on_and_bars_nothing() -> None:
    denied = Denied(lambda _: GONE)
    denied.denial.in_vain(some("1"), bars=False)
    await asyncio.sleep(5)
    assert denied.tried
    assert denied.slots.noted == []
    await denied.denial.end()


async def test_at_its_end_what_is_done_is_tried_once_more() -> None:
    denied = Denied(lambda _: GONE)
    denied.denial.in_vain(some(*map(str, range(15))))
    await asyncio.sleep(50)
    denied.tried.clear()
    denied.answer = lambda _: None
    await denied.denial.end()
    assert [len(tried) for tried in denied.tried] == [10, 5]
    assert denied.denial.lane.counts["stale"] == 15


async def test_what_is_evicted_while_it_is_tried_ends_nothing() -> None:
    async def slow(messages: Sequence[Message]) -> list[Failure | None]:
        await asyncio.sleep(5)
        return [None] * len(messages)

    denied = Denied(lambda _: None)
    denied.denial.lane.consumer.acknowledge = slow  # type: ignore[method-assign]
    body = "x" * (MOST_BYTES // 8)
    denied.denial.in_vain(some(*map(str, range(8)), body=body))
    await asyncio.sleep(2)
    denied.denial.in_vain(some("8", body=body))
    await asyncio.sleep(30)
    assert [kind for kind, _ in denied.slots.noted] == ["bar", "unbar"]


async def test_in_a_stop_nothing_is_barred_and_nothing_is_tried_any_more() -> None:
    denied = Denied(lambda _: GONE)
    denied.stop.request()
    denied.denial.in_vain(some("1"))
    await asyncio.sleep(5)
    assert (denied.tried, denied.slots.noted) == ([], [])
