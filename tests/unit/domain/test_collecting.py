"""Messages that start in batches."""

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
