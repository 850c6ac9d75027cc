"""Leases by example."""

from typing import Any

import attrs
import pytest

from loafer.domain.lease import Lease, Leases
from loafer.domain.limits import LARGEST_MESSAGE, LONGEST_VISIBILITY
from loafer.domain.message import Attribute, Message

FIRST = Message(id="a", body="", receipt="a#1")
SECOND = attrs.evolve(FIRST, receipt="a#2", receive_count=2)


def held(leases: Leases, message: Message = FIRST, now: float = 0.0) -> Lease:
    [lease] = leases.take([message], now)
    return lease


def test_a_lease_is_renewed_every_third_of_the_visibility_timeout() -> None:
    leases = Leases(30)
    lease = held(leases)
    assert leases.due(9.9) == []
    assert leases.due(10) == [lease]
    leases.extended(lease, FIRST, 40)
    assert lease.renew_at == 20
    assert lease.is_valid(39.9)
    assert not lease.is_valid(40)


def test_a_lease_that_is_being_extended_is_not_due_again() -> None:
    leases = Leases(30)
    lease = held(leases)
    leases.due(10)
    assert leases.due(60) == []
    leases.not_extended(lease, 60)
    assert leases.due(60) == [lease]


def test_an_extension_that_failed_is_tried_again_within_a_second() -> None:
    leases = Leases(30)
    lease = held(leases)
    leases.due(10)
    leases.not_extended(lease, 12)
    assert lease.renew_at == 13


@pytest.mark.parametrize("visibility_timeout", [1, 2, 4, 30])
def test_there_is_time_for_several_extensions_that_fail_before_a_lease_ends(visibility_timeout: float) -> None:
    leases = Leases(visibility_timeout)
    lease = held(leases)
    tries, now = 0, lease.renew_at
    while lease.is_valid(now):
        assert leases.due(now) == [lease]
        leases.not_extended(lease, now)
        tries, now = tries + 1, lease.renew_at
    assert tries >= 8


def test_a_lease_is_not_extended_past_twelve_hours_from_the_receipt() -> None:
    leases = Leases(3600)
    lease = held(leases)
    for now in range(1200, LONGEST_VISIBILITY, 1200):
        assert leases.due(now) == [lease]
        assert now + leases.extension(now, lease) <= LONGEST_VISIBILITY - 1
        leases.extended(lease, FIRST, now + leases.extension(now, lease))
    assert leases.extension(LONGEST_VISIBILITY, lease) <= 0


def test_a_redelivery_has_twelve_hours_of_its_own() -> None:
    leases = Leases(30)
    lease = held(leases)
    leases.take([SECOND], LONGEST_VISIBILITY)
    assert leases.extension(LONGEST_VISIBILITY, lease) == 30


def test_a_lost_lease_is_not_extended_and_a_redelivery_makes_it_ours_again() -> None:
    leases = Leases(30)
    lease = held(leases)
    assert leases.refused(lease, FIRST)
    assert not lease.renewable
    assert not lease.is_valid(1)
    assert leases.take([SECOND], 31) == []
    assert lease.is_valid(60)
    assert leases.due(41) == [lease]


def test_the_result_of_an_older_delivery_says_nothing_about_a_newer_one() -> None:
    leases = Leases(30)
    lease = held(leases)
    leases.due(10)
    leases.take([SECOND], 31)
    leases.extended(lease, FIRST, 40)
    assert lease.deadline == 61
    leases.due(41)
    assert not leases.refused(lease, FIRST)
    assert lease.is_valid(60)


def test_an_older_delivery_that_arrives_late_does_not_take_over() -> None:
    leases = Leases(30)
    lease = held(leases, SECOND)
    assert leases.take([FIRST], 5) == []
    assert (lease.message, lease.deadline) == (SECOND, 30)


def test_a_message_that_is_twice_in_a_batch_is_held_once_by_its_newer_receipt() -> None:
    leases = Leases(30)
    [lease] = leases.take([FIRST, SECOND], 0)
    assert lease.message is SECOND
    assert len(leases) == 1


def test_a_released_lease_is_replaced_by_the_next_delivery_and_its_end_does_not_end_that() -> None:
    leases = Leases(30)
    old = held(leases)
    old.release_delay = 0
    new = held(leases, SECOND)
    assert new is not old
    leases.drop([old])
    assert len(leases) == 1
    assert leases.due(10) == [new]


def test_further_runs_in_place_count_as_attempts() -> None:
    lease = held(Leases(30), SECOND)
    assert lease.attempts == 2
    lease.begin()
    assert lease.attempts == 2
    lease.begin()
    lease.begin()
    assert lease.attempts == 4
    lease.not_begun()
    assert lease.attempts == 3


def test_the_bodies_that_are_held_are_counted_once_each_whatever_comes_again() -> None:
    leases = Leases(30)
    one, two = Message("1", "123", "1#1"), Message("2", "12345", "2#1")
    [first, _] = leases.take([one, two], 0.0)
    assert leases.size == 8
    leases.take([attrs.evolve(one, receipt="1#2", receive_count=2)], 1.0)
    assert leases.size == 8
    first.release_delay = 0
    leases.take([attrs.evolve(one, receipt="1#3", receive_count=3)], 2.0)
    assert leases.size == 8
    leases.drop(leases.all())
    assert (leases.size, len(leases)) == (0, 0)


def test_the_next_bodies_are_taken_to_be_as_large_as_the_largest_of_late_and_at_first_as_large_as_can_be() -> None:
    leases = Leases(30)
    assert leases.largest == LARGEST_MESSAGE
    leases.take([], 0.0)
    assert leases.largest == LARGEST_MESSAGE
    leases.take([Message("1", "x", "1"), Message("2", "", "2")], 0.0)
    assert leases.largest == LARGEST_MESSAGE / 2
    for number in range(30):
        leases.take([Message(f"empty {number}", "", "r")], 0.0)
    assert leases.largest == 1
    leases.take([Message("large", "x" * 1000, "r"), Message("small", "x", "r")], 0.0)
    assert leases.largest == 1000
    leases.take([Message("smaller", "x", "r")], 0.0)
    assert leases.largest == pytest.approx(950)


def test_a_delivery_with_the_same_count_is_the_newer_one() -> None:
    leases = Leases(30)
    lease = held(leases)
    again = attrs.evolve(FIRST, receipt="a#again")
    assert leases.take([again], 5.0) == []
    assert (lease.message, lease.deadline) == (again, 35.0)


def test_a_lease_that_was_overdue_is_told_again_when_it_ends_once_more() -> None:
    leases = Leases(30)
    lease = held(leases)
    assert leases.ended(29.9) == []
    assert leases.ended(30) == [lease]
    assert leases.ended(31) == []
    leases.extended(lease, FIRST, 61)
    assert (leases.ended(60.9), leases.ended(61)) == ([], [lease])
    leases.take([SECOND], 62)
    assert (leases.ended(91.9), leases.ended(92)) == ([], [lease])


@pytest.mark.parametrize("state", [{"lost": True}, {"release_delay": 0.0}, {"settling": True}, {"overdue": True}])
def test_a_lease_that_is_lost_given_back_or_settled_does_not_end_besides(state: dict[str, Any]) -> None:
    leases = Leases(30)
    lease = held(leases)
    for name, value in state.items():
        setattr(lease, name, value)
    assert leases.ended(31) == []


@pytest.mark.parametrize("state", [{"release_delay": 0.0}, {"settling": True}])
def test_a_refusal_that_crossed_a_release_or_a_deletion_loses_no_lease(state: dict[str, Any]) -> None:
    leases = Leases(30)
    lease = held(leases)
    leases.due(10)
    for name, value in state.items():
        setattr(lease, name, value)
    assert not leases.refused(lease, FIRST)
    assert (lease.lost, lease.extending) == (False, False)


def test_the_last_word_on_an_extension_whatever_it_is_lets_the_next_one_out() -> None:
    leases = Leases(30)
    lease = held(leases)
    for tell in (
        lambda: leases.extended(lease, FIRST, 60.0),
        lambda: leases.not_extended(lease, 0.0),
        lambda: leases.refused(lease, FIRST),
    ):
        lease.extending = True
        tell()
        assert lease.extending is False


def test_a_lease_may_be_due_only_at_its_last_receive_and_only_unrun() -> None:
    lease = held(Leases(30), attrs.evolve(FIRST, receive_count=3))
    assert [lease.is_due(last) for last in (None, 2, 3, 4)] == [False, True, True, False]
    lease.runs = 1
    assert not lease.is_due(3)


@pytest.mark.parametrize(
    ("message", "size"),
    [
        (Message("a", "x" * 100, "r"), 100),
        (Message("a", "\u8a9e" * 100, "r"), 300),
        (Message("a", "\U0001f98c" * 100, "r"), 400),
        (Message("a", "\udc80", "r"), 3),
        (Message("a", "x", "r", attributes={"name": Attribute("v" * 50), "data": Attribute(b"\0" * 20)}), 91),
    ],
)
def test_a_message_is_held_with_the_bytes_of_its_body_and_attributes(message: Message, size: int) -> None:
    leases = Leases(30)
    lease = held(leases, message)
    assert leases.size == size
    leases.take([attrs.evolve(message, receipt="a#2", receive_count=2)], 1)
    assert leases.size == size
    lease.release_delay = 0
    again = held(leases, attrs.evolve(message, receipt="a#3", receive_count=3))
    assert leases.size == size
    leases.drop([again])
    assert leases.size == 0


def test_a_short_lease_whose_extension_failed_is_tried_again_soon() -> None:
    lease = held(leases := Leases(2.4))
    leases.not_extended(lease, 0.0)
    assert lease.renew_at == pytest.approx(0.1)


@pytest.mark.parametrize(("again", "lost"), [(False, True), (True, False)])
def test_a_refusal_while_a_message_is_moved_says_nothing_of_a_newer_delivery(again: bool, lost: bool) -> None:
    leases = Leases(30)
    lease = held(leases)
    lease.moving = True
    assert not leases.refused(lease, lease.message)
    if again:
        leases.take([SECOND], since=20)
    assert leases.moved(lease, copied=False) is lost
    assert lease.lost is lost


def test_another_message_that_has_the_id_of_a_held_one_is_neither_held_nor_takes_over() -> None:
    leases = Leases(30)
    lease = held(leases)
    other = attrs.evolve(FIRST, receipt="other", receive_count=2, sent_at=99.0)
    assert leases.take([other], 1) == []
    assert lease.message is FIRST
