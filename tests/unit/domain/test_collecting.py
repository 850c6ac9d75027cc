"""Messages that start in batches."""

import attrs

from loafer.domain.collecting import BatchOrder
from loafer.domain.lease import Lease
from loafer.domain.message import Message


def leases(*ids: str) -> list[Lease]:
    return [Lease(Message(each, each, each), deadline=30, renew_at=10, ends_at=100) for each in ids]


def test_a_batch_starts_when_it_is_full() -> None:
    order = BatchOrder(2)
    one, two, three = leases("1", "2", "3")
    order.add([one])
    assert (order.startable, order.next()) == (0, None)
    order.add([two, three])
    assert order.startable == 2
    assert (order.next(), order.rest()) == (one, [two])
    assert (order.startable, len(order)) == (0, 1)


def test_a_batch_starts_when_its_first_message_has_waited() -> None:
    order = BatchOrder(9)
    one, two = leases("1", "2")
    order.add([one, two])
    order.ripen(one)
    assert (order.next(), order.rest()) == (one, [two])
    order.ripen(one)
    assert order.startable == 0


def test_nobody_waits_for_a_message_of_a_batch() -> None:
    order = BatchOrder(2)
    [one] = leases("1")
    order.add([one])
    order.finished([one])
    assert order.followers(one) == []
    assert order.drain() == [one]


def test_only_what_came_up_to_the_ripe_message_is_ripe() -> None:
    order = BatchOrder(3)
    one, two, three = leases("1", "2", "3")
    order.add([one, two])
    order.ripen(two)
    assert (order.next(), order.rest()) == (one, [two])
    order.add([three])
    assert (order.startable, order.next()) == (0, None)


def test_a_message_that_started_ripens_nothing() -> None:
    order = BatchOrder(2)
    one, two, three = leases("1", "2", "3")
    order.add([one, two, three])
    assert (order.next(), order.rest()) == (one, [two])
    order.ripen(one)
    assert order.startable == 0
    order.ripen(three)
    assert order.startable == 1


def test_what_is_ripe_stays_so_until_it_started_also_if_an_earlier_one_ripens_after_it() -> None:
    order = BatchOrder(2)
    one, two, three = leases("1", "2", "3")
    order.add([one, two, three])
    order.ripen(three)
    order.ripen(one)
    assert (order.next(), order.rest()) == (one, [two])
    assert (order.startable, order.next(), order.rest()) == (1, three, [])


def test_after_everything_was_taken_a_batch_waits_for_company_again() -> None:
    order = BatchOrder(2)
    one, two = leases("1", "2")
    order.add([one])
    order.ripen(one)
    assert order.drain() == [one]
    order.add([two])
    assert (order.startable, order.next()) == (0, None)


def test_those_at_their_last_receive_start_without_others_and_the_rest_is_taken() -> None:
    order = BatchOrder(3)
    one, two, three = leases("1", "2", "3")
    two.message = attrs.evolve(two.message, receive_count=5)
    order.add([one, two, three])
    assert order.spare(5) == [one, three]
    assert (order.startable, len(order), order.next(), order.rest()) == (1, 1, two, [])
    order.add([one])
    assert order.startable == 0


def test_what_is_put_back_starts_first_again_and_waits_for_no_others() -> None:
    order = BatchOrder(2)
    one, two = leases("1", "2")
    order.add([one])
    order.ripen(one)
    order.put_back(order.next() or two)
    order.add([two])
    assert (order.startable, order.next(), order.rest()) == (2, one, [two])


def test_each_that_is_put_back_waits_for_no_others() -> None:
    order = BatchOrder(3)
    one, two = leases("1", "2")
    order.put_back(two)
    order.put_back(one)
    assert (order.next(), order.startable, order.next()) == (one, 1, two)
    order.put_back(one)
    order.add([two])
    assert (order.startable, order.next(), order.startable) == (2, one, 0)
