"""Which held message may start next, by example."""

import attrs
import pytest

from loafer.domain.lease import Lease
from loafer.domain.message import Message
from loafer.domain.ordering import ArrivalOrder, GroupOrder
from loafer.domain.singles import FORGOTTEN_AFTER, Singles


def message(name: str, group: str | None = None, receive_count: int = 1) -> Message:
    return Message(id=name, body="", receipt=name, receive_count=receive_count, group=group)


def waiting(order: ArrivalOrder | GroupOrder, *names: str) -> list[Lease]:
    """Add a message per name; `g1` is message 1 of group g, `1` has no group."""
    leases = [Lease(message(name, name[:-1] or None), 30, 10, 43_200) for name in names]
    order.add(leases)
    return leases


def test_on_a_standard_queue_whoever_came_first_starts_first() -> None:
    order = ArrivalOrder()
    leases = waiting(order, "g1", "g2", "h1")
    assert order.startable == 3
    assert [order.next() for _ in range(4)] == [*leases, None]


def test_at_their_last_receive_messages_of_a_standard_queue_are_not_spared_and_others_are() -> None:
    order = ArrivalOrder()
    counts = {"1": 1, "2": 3, "3": 2, "4": 4}
    leases = [Lease(message(name, None, count), 30, 10, 43_200) for name, count in counts.items()]
    order.add(leases)
    assert order.spare(3) == [leases[0], leases[2]]
    assert (len(order), order.next(), order.next(), order.next()) == (2, leases[1], leases[3], None)


def test_of_those_behind_a_message_what_came_since_it_was_given_back_is_none_of_its_followers() -> None:
    order = GroupOrder()
    first, second = waiting(order, "g1", "g2")
    assert order.next() is first
    again, third = waiting(order, "g1", "g3")
    assert order.followers(first) == [second]
    assert len(order) == 2
    order.finished([first])
    assert order.next() is again
    assert order.followers(again) == [third]
    assert len(order) == 0


def test_on_a_standard_queue_nobody_waits_for_anybody() -> None:
    order = ArrivalOrder()
    first, second, third = waiting(order, "g1", "g2", "g3")
    assert order.next() is first
    assert order.followers(first) == []
    order.finished([first])
    assert order.spare(None) == [second, third]
    assert order.spare(None) == []
    assert order.next() is None


def test_groups_start_in_parallel_and_one_message_of_each_at_a_time() -> None:
    order = GroupOrder()
    g1, g2, h1, h2 = waiting(order, "g1", "g2", "h1", "h2")
    assert order.startable == 2
    assert [order.next(), order.next(), order.next()] == [g1, h1, None]
    order.finished([h1])
    assert [order.next(), order.next()] == [h2, None]
    order.finished([g1])
    assert order.next() is g2


def test_messages_without_a_group_do_not_wait_for_each_other() -> None:
    order = GroupOrder()
    assert [lease.message.id for lease in waiting(order, "1", "2")] == ["1", "2"]
    assert order.startable == 2


def test_a_retried_message_starts_before_its_followers_and_not_before_its_time() -> None:
    order = GroupOrder()
    first, second = waiting(order, "g1", "g2")
    assert order.next() is first
    order.retry(first, 5.0)
    (third,) = waiting(order, "g3")
    order.wake(4.9)
    assert order.next() is None
    order.wake(5.0)
    assert [order.next(), order.next()] == [first, None]
    order.finished([first])
    assert order.next() is second
    order.finished([second])
    assert order.next() is third


def test_what_was_drained_while_it_backed_off_does_not_start() -> None:
    order = GroupOrder()
    (first,) = waiting(order, "g1")
    order.next()
    order.retry(first, 5.0)
    assert order.spare(None) == [first]
    order.wake(10.0)
    assert order.next() is None


def test_a_message_without_runs_left_is_known_when_it_comes_again() -> None:
    singles = Singles()
    assert not singles.any(0)
    singles.add(message("1", "g"), 0, spent=5)
    assert singles.any(1)
    assert singles.given_back([message("8", "h"), message("1", "g"), message("9")], 1, 5) == {"1"}
    assert singles.any(1)


def test_its_followers_that_come_with_it_go_back_with_it() -> None:
    singles = Singles()
    singles.add(message("1", "g"), 0, spent=5)
    assert singles.given_back([message("1", "g"), message("2", "g"), message("3", "h")], 1, 5) == {"1", "2"}


def test_followers_that_come_without_it_show_that_it_is_gone() -> None:
    singles = Singles()
    singles.add(message("1", "g"), 0, spent=5)
    singles.add(message("7", "h"), 0, spent=5)
    assert singles.given_back([message("2", "g")], 1, 5) == set()
    assert singles.given_back([message("1", "g"), message("7", "h")], 1, 5) == {"7"}


def test_messages_of_other_groups_do_not_keep_it_known() -> None:
    singles = Singles()
    singles.add(message("1", "g"), 0, spent=5)
    assert singles.given_back([message("7", "h")], FORGOTTEN_AFTER - 1, 5) == set()
    assert not singles.any(FORGOTTEN_AFTER)


def test_nothing_is_held_back_while_every_message_has_runs_left() -> None:
    assert Singles().given_back([message("1", "g")], 0, 5) == set()


@pytest.mark.parametrize(("limit", "spent"), [(5, True), (4, True), (6, False), (None, False)])
def test_a_message_without_runs_left_runs_again_once_its_source_grants_more(limit: int | None, spent: bool) -> None:
    singles = Singles()
    singles.add(message("1", "g"), 0, spent=5)
    behind = message("2", "g")
    assert singles.given_back([message("1", "g"), behind], 1, limit) == ({"1", "2"} if spent else {"2"})
    assert singles.given_back([message("1", "g"), behind], 1, 5) == ({"1", "2"} if spent else {"2"})
    assert singles.any(1)


@pytest.mark.parametrize("group", ["g", None])
def test_a_message_that_nobody_saw_for_a_minute_has_been_moved(group: str | None) -> None:
    singles = Singles()
    singles.add(message("1", group), 0, spent=5)
    assert singles.given_back([message("1", group)], FORGOTTEN_AFTER - 1, 5) == {"1"}
    assert singles.any(2 * FORGOTTEN_AFTER - 2)
    assert singles.given_back([message("1", group)], 2 * FORGOTTEN_AFTER, 5) == set()
    assert not singles.any(0)


def test_where_nobody_knows_its_runs_it_may_run_and_only_what_came_behind_it_goes_back() -> None:
    singles = Singles()
    singles.add(message("1", "g"), 0)
    assert singles.given_back([message("1", "g"), message("2", "g"), message("3", "h")], 1, 5) == {"2"}


def test_a_message_that_is_deleted_is_received_alone_no_longer() -> None:
    singles = Singles()
    singles.add(message("1", "g"), 0, spent=3)
    kept, deleted = (Lease(message("1", "g"), 30, 10, 100, settling=settling) for settling in (False, True))
    singles.through([kept])
    assert singles.any(1)
    singles.through([deleted])
    assert not singles.any(1)


def test_after_one_whose_runs_nobody_can_count_all_are_received_alone_for_a_minute() -> None:
    singles = Singles()
    for failed_at in (0, 30):
        singles.add(message("1", "g"), failed_at)
        singles.through([Lease(message("1", "g"), 60, 10, 100, settling=True)])
    assert singles.any(89.9)
    assert singles.given_back([message("2", "g")], 89.9, None) == set()
    assert not singles.any(90)


def test_a_group_whose_head_is_another_message_is_not_let_go_and_those_behind_in_the_list_are() -> None:
    order = GroupOrder()
    g1, _, h1, h2 = waiting(order, "g1", "g2", "h1", "h2")
    stranger = Lease(message("x1", "x"), 30, 10, 43_200)
    assert (order.next(), order.next()) == (g1, h1)
    order.finished([stranger, h1])
    assert order.next() is h2
    assert order.next() is None


@pytest.mark.parametrize(
    ("later", "overtaken"),
    [(5, True), (0, False), (35, False)],
    ids=["while it was ours", "with it", "after its lease had ended"],
)
def test_a_started_head_is_overtaken_by_what_is_received_behind_it_while_it_is_ours(
    later: float, overtaken: bool
) -> None:
    order = GroupOrder()
    g1, g2 = waiting(order, "g1", "g2")
    g2.ends_at += later
    assert not order.is_overtaken(g1), "it has not started"
    assert order.next() is g1
    assert order.is_overtaken(g1) is overtaken
    assert not order.is_overtaken(g2)
    assert not order.is_overtaken(Lease(message("h1", "h"), 30, 10, 43_200)), "its group is not here"


def test_only_a_started_head_with_others_behind_it_has_followers() -> None:
    order = GroupOrder()
    g1, g2, h1 = waiting(order, "g1", "g2", "h1")
    assert not order.has_followers(g1)
    assert (order.next(), order.next()) == (g1, h1)
    assert (order.has_followers(g1), order.has_followers(g2), order.has_followers(h1)) == (True, False, False)
    assert order.followers(g2) == []
    assert order.followers(g1) == [g2]
    assert not order.has_followers(g1)


def test_a_spent_message_goes_back_at_once_until_its_source_has_to_move_it_and_then_ever_less_often() -> None:
    singles = Singles()
    singles.add(message("1"), 0.0, spent=5)
    received = [attrs.evolve(message("1"), receive_count=count) for count in range(1, 13)]
    assert [singles.pause(each) for each in received] == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30]
    singles.add(message("2"), 0.0)
    assert singles.pause(attrs.evolve(message("2"), receive_count=99)) == 0


def test_a_message_that_is_through_is_forgotten_with_its_returns() -> None:
    singles = Singles()
    singles.add(message("1"), 0.0, spent=5)
    late = attrs.evolve(message("1"), receive_count=6)
    assert [singles.pause(late) for _ in range(2)] == [1, 2]
    lease = Lease(message("1"), 30, 10, 43_200)
    singles.through([lease])
    assert singles.any(1.0), "it is not deleted yet"
    lease.settling = True
    singles.through([lease])
    assert not singles.any(1.0)
    singles.add(message("1"), 2.0)
    assert singles.given_back([message("1")], 2.0, 5) == set(), "it is not spent any more"
    singles.add(message("1"), 2.0, spent=5)
    assert singles.pause(late) == 1


def test_when_the_last_one_is_forgotten_after_a_minute_so_are_its_returns() -> None:
    singles = Singles()
    singles.add(message("1"), 0.0, spent=5)
    late = attrs.evolve(message("1"), receive_count=6)
    assert [singles.pause(late) for _ in range(2)] == [1, 2]
    assert not singles.any(FORGOTTEN_AFTER)
    singles.add(message("1"), FORGOTTEN_AFTER, spent=5)
    assert singles.pause(late) == 1


@pytest.mark.parametrize(("made", "next_ones"), [(ArrivalOrder, ["g1", "g2"]), (GroupOrder, ["g1", "h1"])])
def test_what_is_put_back_starts_first_again(made: type[ArrivalOrder] | type[GroupOrder], next_ones: list[str]) -> None:
    order = made()
    waiting(order, "g1", "g2", "h1")
    before = len(order), order.startable
    first = order.next()
    assert first is not None
    order.put_back(first)
    assert (len(order), order.startable) == before
    started = [order.next(), order.next()]
    assert [lease.message.id for lease in started if lease is not None] == next_ones


def test_at_their_last_receive_messages_of_a_group_are_not_spared_nor_what_is_before_them_and_all_others_are() -> None:
    order = GroupOrder()
    counts = {"g1": 1, "g2": 3, "g3": 2, "h1": 2, "i1": 3}
    leases = [Lease(message(name, name[:-1], count), 30, 10, 43_200) for name, count in counts.items()]
    order.add(leases)
    assert order.spare(3) == [leases[2], leases[3]]
    assert (len(order), order.startable, order.next(), order.next()) == (3, 2, leases[0], leases[4])
    order.finished([leases[0]])
    assert order.next() is leases[1]


def test_followers_that_are_taken_wait_no_longer() -> None:
    order = GroupOrder()
    first, second, third = waiting(order, "g1", "g2", "g3")
    assert order.next() is first
    assert (len(order), order.followers(first), len(order)) == (2, [second, third], 0)
