"""Looking at dead letters, moving and deleting them: what is called how often, and what is said of what went wrong."""

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from world import now

from loafer.application.letters.browsing import AT_ONCE, MARGIN, RELEASES, SAME, Browsing, browsing, hidden_for
from loafer.application.letters.moving import REFUSED_IN_A_ROW, TRIES, Moving
from loafer.application.letters.order import Moved, Order
from loafer.application.letters.purging import Purged, Purging
from loafer.application.letters.reasons import LONGEST, explained, reason_of
from loafer.domain.batch import Failure
from loafer.domain.failure import FOLDED, Reason
from loafer.domain.limits import LONGEST_LEASE, STILL_KNOWN
from loafer.domain.message import Attribute, Message, OutgoingMessage
from loafer.exceptions import ConsumerError, ConsumerUnavailable
from loafer.ports.inspector import Inspector, Letter, QueueState, Unsure
from loafer.ports.journal import Noted, Step
from loafer.testing.contracts.journal import MemoryJournal

AGAIN, NEVER = Failure("not now"), Failure("not allowed", retryable=False)


def letters(count: int, first: int = 1, group: str | None = None) -> list[Letter]:
    return [
        Letter(Message(f"m{number}", f"body {number}", f"r{number}", group=group))
        for number in range(first, first + count)
    ]


@attrs.define(eq=False)
class Scripted(Inspector):
    """An inspector that answers as it is told to, and notes what it is asked; without an answer all is well."""

    receives: list[list[Letter]] = attrs.field(factory=list)
    deletes: list[list[Failure | None]] = attrs.field(factory=list)
    sends: list[str | Failure | Unsure] = attrs.field(factory=list)
    releases: list[list[Failure | None]] = attrs.field(factory=list)
    extends: list[list[Failure | None]] = attrs.field(factory=list)
    totals: list[int] = attrs.field(factory=list)
    ordered: bool = False
    hides: int = 0
    calls: list[tuple[str, Any]] = attrs.field(factory=list)
    sent: list[OutgoingMessage] = attrs.field(factory=list)
    times: list[float] = attrs.field(factory=list)

    async def open(self) -> QueueState:
        return await self.look()

    async def look(self) -> QueueState:
        self.calls.append(("look", now()))
        total = self.totals.pop(0) if self.totals else 0
        return QueueState("dead", "dead", self.ordered, visible=total - self.hides, hidden=self.hides)

    async def sources(self) -> Sequence[str]:
        return []

    async def browse(self, limit: int, hidden_for: float, wait: float) -> Sequence[Letter]:
        self.calls.append(("browse", (limit, hidden_for, wait)))
        return self.receives.pop(0) if self.receives else []

    async def release(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        self.calls.append(("release", [message.id for message in messages]))
        return self.releases.pop(0) if self.releases else [None] * len(messages)

    async def extend(self, messages: Sequence[Message], hidden_for: float) -> Sequence[Failure | None]:
        self.calls.append(("extend", (len(messages), hidden_for, now())))
        return self.extends.pop(0) if self.extends else [None] * len(messages)

    async def send(self, message: OutgoingMessage) -> str | Failure | Unsure:
        self.sent.append(message)
        self.times.append(now())
        return self.sends.pop(0) if self.sends else f"copy-{len(self.sent)}"

    async def delete(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        self.calls.append(("delete", [message.id for message in messages]))
        return self.deletes.pop(0) if self.deletes else [None] * len(messages)

    async def close(self) -> None: ...

    def of(self, call: str) -> list[Any]:
        return [said for name, said in self.calls if name == call]


@pytest.fixture(autouse=True)
def waits_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)


@pytest.mark.parametrize(("total", "seconds"), [(0, 60), (3000, 60), (3001, 61), (5000, 100), (10**9, LONGEST_LEASE)])
def test_messages_are_hidden_for_as_long_as_looking_at_all_of_them_takes(total: int, seconds: float) -> None:
    assert hidden_for(total) == seconds


async def test_a_look_brings_each_letter_once_and_ends_when_nothing_more_is_shown() -> None:
    inspector = Scripted([letters(2), [*letters(1), *letters(1, 3)]])
    look = Browsing(inspector, 60, now)
    assert [[letter.message.id for letter in some] async for some in look] == [["m1", "m2"], ["m3"]]
    assert look.seen == 3
    assert inspector.of("browse") == [(10, 60, 2.0)] * 3


async def test_a_letter_that_one_receive_brings_twice_is_brought_once_with_what_settles_it_now() -> None:
    first, other, second = Letter(Message("m1", "body", "r1")), *letters(1, 2), Letter(Message("m1", "body", "r9"))
    look = Browsing(Scripted([[first, other, second]]), 60, now)
    assert await look.more() == [second, other]
    assert look.seen == 2
    assert look.is_valid(second.message)


async def test_what_a_look_holds_takes_the_memory_of_neither_bodies_nor_attributes() -> None:
    given: list[Message] = []

    class Notes(Scripted):
        async def release(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
            given.extend(messages)
            return [None] * len(messages)

    letter = Letter(Message("m1", "body", "r1", attributes={"kind": Attribute("order")}, group="a"))
    async with browsing(Notes([[letter]]), 60, now) as look:
        assert await look.more() == [letter]
    assert given == [Message("m1", "", "r1", group="a")]


async def test_a_look_that_is_shown_the_same_again_and_again_ends() -> None:
    inspector = Scripted([letters(2)] * 99)
    look = Browsing(inspector, 60, now)
    assert len(await look.more()) == 2
    assert await look.more() == []
    assert len(inspector.of("browse")) == 1 + SAME
    assert look.seen == 2


async def test_a_look_that_is_stopped_asks_for_nothing_more() -> None:
    inspector = Scripted([letters(2)])
    look = Browsing(inspector, 60, now, lambda: True)
    assert await look.more() == []
    assert inspector.calls == []
    began = now()
    await look.wait(10)
    assert now() == began


async def test_a_letter_is_hidden_for_long_enough_until_shortly_before_it_is_shown_again() -> None:
    look = Browsing(Scripted([letters(1)]), 60, now)
    [letter] = await look.more()
    message = letter.message
    assert look.is_valid(message)
    assert not look.is_valid(attrs.evolve(message, receipt="an older one"))
    assert not look.is_valid(attrs.evolve(message, id="another"))
    await asyncio.sleep(60 - MARGIN - 0.001)
    assert look.is_valid(message)
    await asyncio.sleep(0.001)
    assert not look.is_valid(message)


async def test_what_was_not_deleted_is_given_back_a_hundred_at_a_time_and_what_that_fails_for_is_counted() -> None:
    inspector = Scripted([letters(10, first) for first in range(0, 250, 10)])
    async with browsing(inspector, 60, now) as look:
        async for some in look:
            look.drop([some[0].message])
        look.drop([Message("unknown", "", "r")])
        inspector.releases = [[None] * 98 + [AGAIN, NEVER], [None], [None] * 99 + [AGAIN]]
        for size in [1] * (RELEASES - 1) + [25] * RELEASES:
            inspector.releases.append([AGAIN] * size)
    asked = [AT_ONCE, 1, AT_ONCE, *[1] * (RELEASES - 1), *[25] * RELEASES]
    assert [len(some) for some in inspector.of("release")] == asked
    assert (look.left_hidden, look.why_hidden) == (1 + 25, AGAIN.reason)
    await look.give_back()
    assert (len(inspector.of("release")), look.left_hidden) == (len(asked), 0), "nothing is held any more"


async def test_what_shows_itself_by_now_is_not_given_back() -> None:
    inspector = Scripted([letters(1), [], letters(1, 2)])
    async with browsing(inspector, 60, now) as look:
        await look.more()
        await asyncio.sleep(60)
        inspector.extends = [[NEVER]]
        await look.more()
        inspector.receives = [letters(1, 2)]
        await look.more()
    assert inspector.of("release") == [["m2"]]


async def test_what_is_held_is_kept_hidden_when_half_of_its_time_is_over() -> None:
    inspector = Scripted([letters(3)])
    look = Browsing(inspector, 60, now)
    await look.more()
    began = now()
    await look.wait(100)
    assert now() - began == pytest.approx(100)
    assert [(count, seconds, at - began) for count, seconds, at in inspector.of("extend")] == [
        (3, 60, pytest.approx(30)),
        (3, 60, pytest.approx(60)),
        (3, 60, pytest.approx(90)),
    ]
    await look.wait(0.5)
    assert now() - began == pytest.approx(100.5)


async def test_what_could_not_be_kept_hidden_is_tried_again_and_is_not_taken_for_hidden() -> None:
    inspector = Scripted([letters(2)], extends=[[None, AGAIN], [AGAIN]])
    look = Browsing(inspector, 60, now)
    first, second = [letter.message for letter in await look.more()]
    await look.wait(55)
    assert [count for count, _, _ in inspector.of("extend")] == [2, 1]
    assert (look.is_valid(first), look.is_valid(second)) == (True, False)
    await look.wait(20)
    assert [count for count, _, _ in inspector.of("extend")] == [2, 1, 2]


def moving(inspector: Scripted, to: Scripted, journal: MemoryJournal | None = None, **order: Any) -> Moving:
    ordered, stopped = order.pop("ordered", False), order.pop("stopped", lambda: False)
    order.setdefault("wanted", lambda _: True)
    look = Browsing(inspector, 60, now, stopped)
    return Moving(look, to, journal or MemoryJournal(), Order(**order), ordered=ordered, clock=now, now=now)


async def test_a_letter_is_noted_sent_as_it_was_confirmed_and_deleted() -> None:
    message = Message("m1", "body", "r1", attributes={"a": Attribute("x"), FOLDED: Attribute("{}")})
    inspector, to, journal = Scripted([[Letter(message)]], totals=[1]), Scripted(), MemoryJournal()
    await asyncio.sleep(5)
    moved = await moving(inspector, to, journal).run()
    assert to.sent == [OutgoingMessage("body", {"a": Attribute("x")})]
    assert journal.noted == {"m1": Noted(Step.DELETED, journal.noted["m1"].at, "copy-1")}
    assert journal.noted["m1"].at == pytest.approx(5)
    assert moved == Moved(wanted=1, sent=1, deleted=1)
    assert moved.complete
    assert inspector.of("delete") == [["m1"]]


async def test_on_a_fifo_queue_a_copy_keeps_its_group_and_is_known_by_its_letters_id() -> None:
    to = Scripted()
    await moving(Scripted([letters(2, group="g")]), to, ordered=True).run()
    assert [(each.group, each.deduplication_id) for each in to.sent] == [("g", "m1"), ("g", "m2")]


async def test_a_send_that_may_work_later_is_tried_again_after_growing_waits() -> None:
    to = Scripted(sends=[AGAIN] * 4)
    moved = await moving(Scripted([letters(1)]), to).run()
    assert to.times == pytest.approx([0, 0.1, 0.3, 0.7, 1.5], abs=1e-3)
    assert (moved.sent, moved.deleted) == (1, 1)


async def test_a_send_that_never_works_ends_the_move_and_says_why() -> None:
    to, journal = Scripted(sends=[AGAIN] * 99), MemoryJournal()
    inspector = Scripted([letters(2)])
    moved = await moving(inspector, to, journal).run()
    assert len(to.sent) == TRIES
    assert moved == Moved(wanted=1, refused={"m1": "not now"}, stopped="the destination takes nothing: not now")
    assert journal.noted["m1"].step is Step.REFUSED
    assert inspector.of("delete") == []
    assert not moved.complete


async def test_a_message_that_is_refused_is_left_and_the_others_go_on_until_ten_in_a_row_are() -> None:
    to = Scripted(sends=[*[NEVER] * (REFUSED_IN_A_ROW - 1), "copy", *[NEVER] * REFUSED_IN_A_ROW])
    moved = await moving(Scripted([letters(10), letters(10, 11), letters(10, 21)]), to).run()
    assert len(to.sent) == 2 * REFUSED_IN_A_ROW
    assert (moved.sent, len(moved.refused)) == (1, 2 * REFUSED_IN_A_ROW - 1)
    assert moved.refused["m1"] == "not allowed"
    assert moved.stopped == "the destination takes nothing: not allowed"


async def test_a_copy_of_which_nobody_knows_is_noted_as_such_and_its_letter_stays() -> None:
    to, journal = Scripted(sends=[Unsure("no answer")]), MemoryJournal()
    inspector = Scripted([letters(2)])
    moved = await moving(inspector, to, journal).run()
    assert moved == Moved(wanted=2, sent=1, deleted=1, unsure=["m1"])
    assert journal.noted["m1"].step is Step.UNSURE
    assert inspector.of("delete") == [["m2"]]


async def test_on_a_fifo_queue_what_may_be_there_is_sent_again_and_what_stays_there_closes_its_group() -> None:
    to = Scripted(sends=[Unsure("no answer"), Unsure("no answer"), "copy", NEVER])
    moved = await moving(Scripted([[*letters(3, group="g"), *letters(1, 4, group="h")]]), to, ordered=True).run()
    assert [each.deduplication_id for each in to.sent] == ["m1", "m1", "m1", "m2", "m4"]
    assert (moved.wanted, moved.sent, list(moved.refused)) == (3, 2, ["m2"])


@pytest.mark.parametrize(
    ("noted", "order", "sent"),
    [
        (Noted(Step.SENDING, 0.0), {}, 0),
        (Noted(Step.UNSURE, 0.0), {}, 0),
        (Noted(Step.UNSURE, 0.0), {"unsure": False}, 0),
        (Noted(Step.UNSURE, 0.0), {"unsure": True}, 1),
        (Noted(Step.REFUSED, 0.0), {}, 1),
        (Noted(Step.SENDING, 1000 - STILL_KNOWN + 0.5), {"ordered": True}, 1),
        (Noted(Step.SENDING, 1000 - STILL_KNOWN), {"ordered": True}, 0),
        (Noted(Step.SENT, 0.0, "copy"), {}, 0),
        (Noted(Step.DELETED, 0.0, "copy"), {}, 0),
    ],
)
async def test_what_was_begun_before_is_sent_again_only_where_that_makes_no_second_copy(
    noted: Noted, order: dict[str, Any], sent: int
) -> None:
    await asyncio.sleep(1000)
    to, inspector = Scripted(), Scripted([letters(1, group="g" if order.get("ordered") else None)])
    moved = await moving(inspector, to, MemoryJournal({"m1": noted}), **order).run()
    done = noted.step in (Step.SENT, Step.DELETED)
    assert (len(to.sent), moved.sent, moved.deleted) == (sent, sent, int(done or sent))
    assert moved.unsure == ([] if sent or done else ["m1"])
    assert moved.wanted == 1


@pytest.mark.parametrize(("noted", "sent"), [(None, 1), (Noted(Step.SENT, 0.0, "copy"), 0)])
async def test_a_letter_that_one_receive_brings_twice_is_moved_and_counted_once(noted: Noted | None, sent: int) -> None:
    twice = [Letter(Message("m1", "body", receipt)) for receipt in ("r1", "r2")]
    to = Scripted()
    moved = await moving(Scripted([twice]), to, MemoryJournal({"m1": noted} if noted else {})).run()
    assert (len(to.sent), moved.wanted, moved.deleted, moved.kept) == (sent, 1, 1, [])


async def test_what_is_not_wanted_stays_and_on_a_fifo_queue_keeps_those_behind_it_unless_they_may_pass() -> None:
    def wanted(letter: Letter) -> bool:
        return letter.message.id != "m1"

    orders: list[tuple[dict[str, Any], int]] = [
        ({}, 2),
        ({"ordered": True}, 0),
        ({"ordered": True, "out_of_order": True}, 2),
    ]
    for order, sent in orders:
        to = Scripted()
        moved = await moving(Scripted([letters(3, group="g")]), to, wanted=wanted, **order).run()
        assert (len(to.sent), moved.wanted) == (sent, sent), order


async def test_a_letter_that_shows_itself_again_soon_is_not_sent() -> None:
    inspector, to = Scripted([letters(3)], extends=[[NEVER] * 2] * 9), Scripted()
    move = moving(inspector, to, rate=0.02)  # the second one's turn is when its time is over
    moved = await move.run()
    assert (moved.wanted, moved.sent, moved.waiting) == (3, 1, 2)
    assert not moved.complete


@pytest.mark.parametrize("end", ["it is stopped", "it shows itself again"])
async def test_a_copy_is_not_tried_again_once_the_move_is_stopped_or_its_letter_shows_itself(end: str) -> None:
    stop: list[str] = []

    class Busy(Scripted):
        async def send(self, message: OutgoingMessage) -> Failure:
            self.sent.append(message)
            if end == "it is stopped":
                stop.append(end)
            else:
                await asyncio.sleep(60 - MARGIN)
            return AGAIN

    to = Busy()
    moved = await moving(Scripted([letters(1)]), to, stopped=lambda: bool(stop)).run()
    assert (len(to.sent), moved.refused) == (1, {"m1": AGAIN.reason})


async def test_a_rate_is_kept_and_each_letter_is_deleted_at_once() -> None:
    inspector, to = Scripted([letters(4)]), Scripted()
    await moving(inspector, to, rate=2).run()
    assert to.times == pytest.approx([0, 0.5, 1.0, 1.5], abs=1e-3)
    assert inspector.of("delete") == [["m1"], ["m2"], ["m3"], ["m4"]]
    inspector, to = Scripted([letters(4)]), Scripted()
    await moving(inspector, to).run()
    assert inspector.of("delete") == [["m1", "m2", "m3", "m4"]]


async def test_what_cannot_be_deleted_is_kept_on_the_list_and_what_may_be_later_is_tried_again() -> None:
    journal = MemoryJournal()
    inspector = Scripted([letters(4)], deletes=[[None, AGAIN, NEVER, AGAIN], [AGAIN, None]])
    moved = await moving(inspector, Scripted(), journal).run()
    assert inspector.of("delete") == [["m1", "m2", "m3", "m4"], ["m2", "m4"], ["m2"]]
    assert moved == Moved(wanted=4, sent=4, deleted=3, kept=["m3"])
    assert {name for name, noted in journal.noted.items() if noted.step is Step.DELETED} == {"m1", "m2", "m4"}
    began = now()
    inspector = Scripted([letters(1)], deletes=[[AGAIN]] * 99)
    moved = await moving(inspector, Scripted()).run()
    assert (len(inspector.of("delete")), moved.kept, moved.deleted) == (TRIES, ["m1"], 0)
    assert now() - began == pytest.approx(0.1 + 0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 5)


async def test_what_could_not_be_deleted_closes_its_group() -> None:
    inspector, to = Scripted([letters(1, group="g"), letters(2, 2, group="g")], deletes=[[NEVER]]), Scripted()
    moved = await moving(inspector, to, ordered=True).run()
    assert (len(to.sent), moved.kept) == (1, ["m1"])


async def test_a_move_that_is_stopped_says_so_and_deletes_what_it_has_sent() -> None:
    stop: list[bool] = []
    inspector, to = Scripted([letters(3), letters(3, 4)]), Scripted()
    move = moving(inspector, to, stopped=lambda: bool(stop), rate=2)
    told: list[int] = []
    move.told = lambda moved: told.append(moved.sent)
    asyncio.get_running_loop().call_later(0.7, stop.append, True)
    moved = await move.run()
    assert moved.stopped == "it was stopped"
    assert (moved.sent, moved.deleted) == (2, 2)
    assert told == [2]


async def test_a_move_that_is_stopped_while_it_receives_says_so_though_that_brings_nothing() -> None:
    stop: list[bool] = []

    class Slow(Scripted):
        async def browse(self, limit: int, hidden_for: float, wait: float) -> Sequence[Letter]:
            await asyncio.sleep(wait)
            return await super().browse(limit, hidden_for, wait)

    asyncio.get_running_loop().call_later(1, stop.append, True)
    moved = await moving(Slow(), Scripted(), stopped=lambda: bool(stop)).run()
    assert moved == Moved(stopped="it was stopped")


async def test_a_queue_that_grows_while_it_is_emptied_ends_the_move() -> None:
    inspector = Scripted([letters(1, number) for number in range(1, 99)], totals=[40, 45, 60])
    moved = await moving(inspector, Scripted(), rate=0.5).run()
    assert moved.stopped == "the queue grows: ~60 messages are on it, more than before"
    assert inspector.of("look") == pytest.approx([0, 6, 12], abs=1e-3)
    assert moved.deleted == 7


async def test_a_queue_may_have_ten_messages_more_or_a_tenth_of_them() -> None:
    for first, later, grows in ((40, 47, False), (40, 48, True), (1000, 1097, False), (1000, 1098, True)):
        inspector = Scripted([letters(1, number) for number in range(1, 5)], totals=[first, later])
        moved = await moving(inspector, Scripted(), rate=0.4).run()  # three are deleted when it is looked at
        assert (moved.stopped is not None) is grows, (first, later)


async def test_a_copy_of_an_earlier_run_that_came_back_is_moved_once_more_and_what_failed_may_be_mended() -> None:
    journal = MemoryJournal({"m0": Noted(Step.SENT, 0.0, "m2")})
    moved = await moving(Scripted([letters(3)]), Scripted(), journal).run()
    assert (moved.stopped, moved.sent, moved.deleted) == (None, 3, 3)


async def test_a_copy_that_cannot_be_sent_at_all_is_noted_as_refused_with_why_and_ends_the_move() -> None:
    class Gone(Scripted):
        async def send(self, message: OutgoingMessage) -> str:
            raise ConsumerError("it does not exist")

    came: list[tuple[str, Step, str]] = []

    class Noting(MemoryJournal):
        def came(self, steps: Sequence[tuple[str, Step, str]]) -> None:
            came.extend(steps)

    inspector = Scripted([letters(2)])
    with pytest.raises(ConsumerError, match="it does not exist"):
        await moving(inspector, Gone(), Noting()).run()
    assert came == [("m1", Step.REFUSED, "it does not exist")]
    assert inspector.of("delete") == []


async def test_where_the_journal_cannot_be_written_after_a_send_nobody_knows_of_the_copy() -> None:
    class Full(MemoryJournal):
        def came(self, steps: Sequence[tuple[str, Step, str]]) -> None:
            raise OSError("no space left")

    inspector = Scripted([letters(2)])
    move = moving(inspector, Scripted(), Full())
    with pytest.raises(OSError, match="no space left"):
        await move.run()
    assert (move.done.unsure, move.done.sent, inspector.of("delete")) == (["m1"], 0, [])


@pytest.mark.parametrize(
    ("unsure", "total", "unseen"),
    [
        (None, 1, ["sending", "unsure", "sent"]),
        (None, 0, []),
        (True, 1, ["sending", "unsure", "sent"]),
        (False, 1, ["sent"]),
    ],
)
async def test_what_was_begun_before_and_does_not_come_though_more_is_there_is_told(
    unsure: bool | None, total: int, unseen: list[str]
) -> None:
    steps = {"sending": Step.SENDING, "unsure": Step.UNSURE, "sent": Step.SENT, "deleted": Step.DELETED}
    journal = MemoryJournal({name: Noted(step, 0.0, "copy") for name, step in steps.items()})
    moved = await moving(Scripted(totals=[0, total]), Scripted(), journal, unsure=unsure).run()
    assert moved.unseen == unseen


@pytest.mark.parametrize(
    ("totals", "ordered", "wanted", "hidden"),
    [
        ([12, 10], False, True, 10),
        ([12, 0], False, True, 0),  # it is gone meanwhile
        ([2, 10], False, True, 0),  # these are new
        ([12, 12], False, False, 10),  # two were seen, and are to stay
        ([12, 10], True, True, 10),
        ([12, 12], True, False, 0),  # they may be behind the two
    ],
)
async def test_what_a_queue_has_and_does_not_show_is_told_and_not_taken_for_done(
    totals: list[int], ordered: bool, wanted: bool, hidden: int
) -> None:
    inspector = Scripted([letters(2)], totals=[*totals], ordered=ordered)
    moved = await moving(inspector, Scripted(), MemoryJournal(), wanted=lambda _: wanted).run()
    assert (moved.hidden, moved.complete) == (hidden, not hidden)
    inspector = Scripted([letters(2)], totals=[*totals], ordered=ordered)
    purged = await Purging(Browsing(inspector, 60, now), lambda _: wanted, lambda _: None).run()
    assert (purged.hidden, purged.complete) == (hidden, not hidden)


@pytest.mark.parametrize(("hides", "hidden"), [(2, 0), (1, 0), (7, 5), (12, 8)])
async def test_what_others_hide_of_a_fifo_queue_is_told_though_what_is_held_may_hide_more(
    hides: int, hidden: int
) -> None:
    """Twelve are there; four were seen, two of which are deleted, and two are to stay, so that they are held."""
    wanted = {"m1", "m2"}
    inspector = Scripted([letters(4)], totals=[12, 12], ordered=True, hides=hides)
    moved = await moving(
        inspector, Scripted(), MemoryJournal(), wanted=lambda letter: letter.message.id in wanted
    ).run()
    assert (moved.deleted, moved.hidden) == (2, hidden)


async def test_what_was_sent_before_and_is_gone_is_noted_as_deleted() -> None:
    steps = {"unsure": Step.UNSURE, "sent": Step.SENT}
    journal = MemoryJournal({name: Noted(step, 0.0, "copy") for name, step in steps.items()})
    await moving(Scripted(totals=[0, 0]), Scripted(), journal).run()
    assert {name: noted.step for name, noted in journal.noted.items()} == {**steps, "sent": Step.DELETED}


async def test_what_cannot_be_given_back_for_its_queue_fails_is_counted_with_why() -> None:
    class Gone(Scripted):
        async def release(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
            raise ConsumerUnavailable("no answer")

    async with browsing(Gone([letters(3)]), 60, now) as look:
        await look.more()
    assert (look.left_hidden, look.why_hidden) == (3, "no answer")


async def test_letters_are_kept_elsewhere_before_they_are_deleted() -> None:
    kept: list[str] = []
    told: list[int] = []
    inspector = Scripted([letters(3), letters(2, 4)])
    purging = Purging(
        Browsing(inspector, 60, now),
        lambda letter: letter.message.id not in {"m2", "m4", "m5"},
        lambda some: kept.extend(letter.message.id for letter in some),
        lambda purged: told.append(purged.deleted),
    )
    purged = await purging.run()
    assert kept == ["m1", "m3"]
    assert inspector.of("delete") == [["m1", "m3"]]
    assert purged == Purged(wanted=2, deleted=2)
    assert purged.complete
    assert told == [2, 2]


async def test_what_cannot_be_kept_is_not_deleted() -> None:
    def keep(_: object) -> None:
        raise OSError("no space left")

    inspector = Scripted([letters(1)])
    with pytest.raises(OSError, match="no space"):
        await Purging(Browsing(inspector, 60, now), lambda _: True, keep).run()
    assert inspector.of("delete") == []


def nowhere(_: object) -> None:
    """Keep nothing."""


async def test_a_purge_tries_again_what_may_be_deleted_later_and_lists_what_cannot() -> None:
    inspector = Scripted([letters(4), letters(1, 5)], deletes=[[None, AGAIN, NEVER, AGAIN], [AGAIN, None], [NEVER]])
    purged = await Purging(Browsing(inspector, 60, now), lambda _: True, nowhere).run()
    assert inspector.of("delete") == [["m1", "m2", "m3", "m4"], ["m2", "m4"], ["m2"], ["m5"]]
    assert purged == Purged(wanted=5, deleted=3, left=["m3", "m2"])
    assert not purged.complete
    began = now()
    inspector = Scripted([letters(2)], deletes=[[AGAIN] * 2] * 99)
    purged = await Purging(Browsing(inspector, 60, now), lambda _: True, nowhere).run()
    assert (len(inspector.of("delete")), purged.left, purged.deleted) == (TRIES, ["m1", "m2"], 0)
    assert now() - began == pytest.approx(0.1 + 0.2 + 0.4 + 0.8 + 1.6 + 3.2 + 5)
    inspector = Scripted([letters(2), letters(1, 3)], deletes=[[AGAIN] for _ in range(99)])
    inspector.deletes.insert(0, [NEVER, None])
    purged = await Purging(Browsing(inspector, 60, now), lambda _: True, nowhere).run()
    assert (purged.left, purged.deleted) == (["m1", "m3"], 1)


async def test_what_a_purge_has_deleted_is_not_given_back_and_a_stopped_one_says_so() -> None:
    stop: list[int] = []
    inspector = Scripted([letters(2), letters(2, 3)], deletes=[[None, NEVER]])
    async with browsing(inspector, 60, now, lambda: bool(stop)) as look:
        purged = await Purging(look, lambda _: True, nowhere, lambda _: stop.append(1)).run()
    assert (purged.stopped, purged.complete) == (True, False)
    assert inspector.of("release") == [["m2"]]


REASON = Reason(
    error="KeyError",
    place="shop:charge:41",
    fingerprint="e7c1",
    attempts=5,
    source="orders",
    message_id="id-1",
    failed_at=1795889403.25,
)
MESSAGE = Message("id-1", "{}", "r")


def test_a_reason_is_written_word_for_word() -> None:
    copy = explained(MESSAGE, REASON)
    assert copy is not None
    assert dict(copy.attributes) == {
        "loafer.error": Attribute("KeyError"),
        "loafer.place": Attribute("shop:charge:41"),
        "loafer.fingerprint": Attribute("e7c1"),
        "loafer.attempts": Attribute("5", "Number"),
        "loafer.source": Attribute("orders"),
        "loafer.message_id": Attribute("id-1"),
        "loafer.failed_at": Attribute("1795889403.25", "Number"),
    }
    assert (copy.id, copy.body) == ("id-1", "{}")


def test_what_nobody_knows_is_not_written_and_what_is_long_is_cut() -> None:
    copy = explained(MESSAGE, Reason(error="E" * (LONGEST + 1) + "\n", attempts=10))
    assert copy is not None
    assert dict(copy.attributes) == {
        "loafer.error": Attribute("E" * LONGEST),
        "loafer.attempts": Attribute("10", "Number"),
    }
    shown = explained(MESSAGE, Reason(error="a\nb"))
    assert shown is not None
    assert shown.attributes["loafer.error"] == Attribute("a?b")


def test_a_reason_fits_to_the_last_byte_and_attribute() -> None:
    reason = Reason(error="KeyError")
    # The body, then the name, the type and the value of the attribute.
    exactly = len("{}") + len("loafer.error") + len("String") + len("KeyError")
    assert explained(MESSAGE, reason, exactly) is not None
    assert explained(MESSAGE, reason, exactly - 1) is None
    nine = attrs.evolve(MESSAGE, attributes={f"own-{number}": Attribute("x") for number in range(9)})
    copy = explained(nine, reason)
    assert copy is not None
    assert len(copy.attributes) == 10


def test_a_reason_without_an_error_is_none_and_one_with_odd_numbers_has_none() -> None:
    assert reason_of({}) is None
    assert reason_of({"loafer.error": Attribute("")}) is None
    assert reason_of({"loafer.place": Attribute("x")}) is None
    for written, read in (("5", 5.0), ("0", 0.0), ("-1", 0.0), ("1e12", 0.0), ("nan", 0.0), ("x", 0.0), ("", 0.0)):
        attributes = {"loafer.error": Attribute("E"), "loafer.failed_at": Attribute(written, "Number")}
        assert reason_of(attributes) == Reason(error="E", failed_at=read)
