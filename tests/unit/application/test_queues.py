import asyncio
from collections.abc import Mapping

import attrs
import pytest

from loafer.application.queues import AT_ONCE, Waiting, looked, looked_at, waiting
from loafer.domain.facts import Place, QueueFacts
from loafer.entrypoints.commands.queues import shown
from loafer.exceptions import ConsumerError
from loafer.ports.reader import Reader

ARN = "arn:aws:sqs:eu-west-1:123456789012:"
ORDERS = QueueFacts(name="orders", arn=f"{ARN}orders", visible=90, in_flight=10, dead_letters=f"{ARN}dead")
DEAD = QueueFacts(name="dead", arn=f"{ARN}dead", visible=5, in_flight=1)


def look(*facts: QueueFacts) -> Mapping[str, QueueFacts]:
    return {each.arn: each for each in facts}


def one(before: QueueFacts, now: QueueFacts, seconds: float = 10, done: float | None = None) -> Waiting:
    [row] = waiting(look(before), look(now, DEAD), seconds, {} if done is None else {"orders": done}, "ord")
    return row


def test_two_looks_tell_the_rates_and_when_a_queue_is_empty() -> None:
    row = one(attrs.evolve(ORDERS, visible=290), ORDERS, 10, 250)
    assert (row.name, row.visible, row.in_flight, row.delayed) == ("orders", 90, 10, 0)
    assert (row.net, row.out, row.into, row.eta) == (-20, 25, 5, 5)


def test_a_queue_that_grows_does_not_become_empty() -> None:
    row = one(attrs.evolve(ORDERS, visible=0), ORDERS)
    assert (row.net, row.eta) == (9, None)


def test_what_comes_is_not_known_where_nobody_here_works_on_it() -> None:
    row = one(ORDERS, ORDERS)
    assert (row.net, row.out, row.into, row.eta) == (0, None, None, None)


def test_the_dead_letters_are_those_of_its_queue_which_is_no_row_unless_it_is_asked_for() -> None:
    row = one(ORDERS, ORDERS)
    assert (row.dead_letters, row.dead) == ("dead", 6)
    assert [each.name for each in waiting({}, look(ORDERS, DEAD), 0, {})] == ["dead", "orders"]


def test_one_look_tells_no_rates_and_neither_does_a_queue_that_was_not_there() -> None:
    assert one(ORDERS, ORDERS, 0).net is None
    [row] = waiting({}, look(ORDERS), 10, {})
    assert (row.net, row.dead) == (None, None)


def test_a_queue_whose_attributes_may_not_be_read_is_shown_as_such() -> None:
    row = one(ORDERS, attrs.evolve(ORDERS, known=False))
    assert row.visible is None
    assert "may not be read" in shown([row], 80)


@attrs.define
class Listed(Reader):
    """What is listed, some of which is gone by the time that it is looked at."""

    there: Mapping[str, QueueFacts]
    asked: list[str] = attrs.field(factory=list)

    async def queues(self, prefix: str) -> list[str]:
        return ["orders", "gone"]

    async def queue(self, place: Place) -> QueueFacts:
        self.asked.append(place.text)
        name = place.text.rpartition(":")[2]
        if name not in self.there:
            raise ConsumerError("it does not exist")
        return self.there[name]

    async def topic(self, place: object) -> object:  # type: ignore[override]
        raise NotImplementedError

    subscriptions = probe = ages = topic  # type: ignore[assignment]

    async def close(self) -> None: ...


async def test_dead_letter_queues_are_looked_at_too_and_what_is_gone_is_left_out() -> None:
    reader = Listed({"orders": ORDERS, "dead": DEAD})
    assert await looked(reader, "ord") == look(ORDERS, DEAD)
    assert reader.asked == ["orders", "gone", f"{ARN}dead"]


async def test_dead_letters_are_asked_for_where_their_queue_is_but_in_the_region_that_their_arn_says() -> None:
    asked: list[Place] = []

    class Noting(Listed):
        async def queue(self, place: Place) -> QueueFacts:
            asked.append(place)
            return await super().queue(place)

    there = Place(text="orders", region="eu-west-1", endpoint="http://127.0.0.1:4566", profile="shop")
    told: list[str] = []
    found = await looked_at([there, Place(text="gone")], Noting({"orders": ORDERS}), told.append)
    assert found == look(ORDERS)
    assert asked == [there, Place(text="gone"), attrs.evolve(there, text=f"{ARN}dead", region=None)]
    assert told == ["it does not exist"], "of the queues that were asked for, not of their dead-letter queues"


async def test_a_queue_that_is_listed_itself_is_looked_at_once_though_it_is_anothers_dead_letter_queue() -> None:
    reader = Listed({"orders": ORDERS, "dead": DEAD})
    assert await looked_at([Place(text="dead"), Place(text="orders")], reader) == look(ORDERS, DEAD)
    assert reader.asked == ["dead", "orders"]


async def test_of_many_queues_twenty_are_looked_at_at_the_same_time() -> None:
    at_once: list[int] = []
    running: set[str] = set()

    class Slow(Listed):
        async def queue(self, place: Place) -> QueueFacts:
            running.add(place.text)
            at_once.append(len(running))
            await asyncio.sleep(1)
            running.discard(place.text)
            return attrs.evolve(DEAD, arn=place.text)

    found = await looked_at([Place(text=str(number)) for number in range(45)], Slow({}))
    assert len(found) == 45
    assert max(at_once) == AT_ONCE == 20
    assert asyncio.get_running_loop().time() == pytest.approx(3)


LONG = Waiting(
    name="a-queue-with-a-name-as-long-as-sqs-lets-it-be-which-is-eighty-characters-or-so-x",
    visible=812345,
    in_flight=1200,
    delayed=3,
    net=-12.5,
    out=40,
    into=27.5,
    eta=65000,
    dead_letters="its-dead-letters",
    dead=512,
)


def test_a_table_fits_into_80_columns_by_cutting_names() -> None:
    text = shown([LONG, Waiting(name="orders", visible=0)], 100)
    assert max(map(len, text.splitlines())) <= 100
    assert "a-que" in text
    assert "…" in text


def test_columns_of_which_nothing_is_known_are_left_out() -> None:
    assert shown([Waiting(name="orders", visible=3)], 80).splitlines() == ["queue   waiting", "orders        3"]


def test_a_row_says_all_that_is_known() -> None:
    row = Waiting(
        name="orders", visible=90, in_flight=10, net=-20, out=25, into=5, eta=5, dead_letters="orders-dlq", dead=6
    )
    assert shown([row], 80).splitlines() == [
        "queue   waiting  in flight  in/s  out/s  net/s  empty in  dead letters",
        "orders       90         10     5     25    -20  5 s       6 in orders-dlq",
    ]
