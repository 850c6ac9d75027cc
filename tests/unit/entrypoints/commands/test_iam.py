"""What `loafer iam` finds out, and what it says where it cannot."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import click.testing
import pytest

from loafer.domain.facts import Place, QueueFacts, TopicFacts
from loafer.domain.uses import Destination, Source, Uses
from loafer.entrypoints.cli import cli
from loafer.entrypoints.commands.iam import Asked
from loafer.exceptions import ConsumerError
from loafer.ports.reader import Reader

ARN = "arn:aws:sqs:eu-west-1:123456789012:"
QUEUE = QueueFacts(name="orders", arn=f"{ARN}orders", dead_letters=f"{ARN}dead", max_receive_count=3)
DEAD = QueueFacts(name="dead", arn=f"{ARN}dead", key="alias/dead")


@attrs.define
class There(Reader):
    """What there is."""

    there: dict[str, QueueFacts]
    asked: list[str] = attrs.field(factory=list)

    async def queue(self, place: Place) -> QueueFacts:
        self.asked.append(place.text)
        if (name := place.text.rpartition(":")[2]) not in self.there:
            raise ConsumerError(f"queue {name!r} does not exist")
        return self.there[name]

    async def topic(self, place: Place) -> TopicFacts:
        raise ConsumerError(f"topic {place.text!r} does not exist")

    async def queues(self, prefix: str) -> Sequence[str]:
        raise NotImplementedError

    async def ages(self, names: Sequence[str]) -> Any:
        raise NotImplementedError

    async def subscriptions(self, place: Place, queue: QueueFacts, topics: Sequence[str]) -> Any:
        raise NotImplementedError

    async def probe(self, place: Place, queue: QueueFacts) -> Any:
        raise NotImplementedError

    async def close(self) -> None: ...


async def found(there: There, uses: Uses, *, offline: bool = False) -> tuple[set[tuple[str, str]], list[str]]:
    asked = Asked(uses, offline=offline)
    grants = await asked.grants(there)
    return {(grant.action, grant.resource) for grant in grants}, asked.missing


def source(name: str = "orders", moves: int | None = None) -> Uses:
    return Uses(sources=(Source(place=Place(text=name), route=name, moves=moves),))


async def test_a_dead_letter_queue_that_the_worker_does_not_touch_is_neither_asked_for_nor_allowed() -> None:
    there = There({"orders": QUEUE, "dead": DEAD})
    grants, missing = await found(there, source())
    assert {resource for _, resource in grants} == {QUEUE.arn}
    assert (there.asked, missing) == (["orders"], [])


async def test_one_that_messages_are_moved_to_by_a_route_is_allowed_with_its_key() -> None:
    grants, missing = await found(There({"orders": QUEUE, "dead": DEAD}), source(moves=2))
    assert ("sqs:SendMessage", DEAD.arn) in grants
    assert ("kms:GenerateDataKey", "arn:aws:kms:eu-west-1:123456789012:key/*") in grants
    assert missing == []


async def test_what_cannot_be_read_is_told_and_allowed_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    topic = Destination(place=Place(text="news"), topic=True)
    grants, missing = await found(There({}), attrs.evolve(source(), destinations=(topic,)))
    assert ("sqs:ReceiveMessage", "arn:aws:sqs:eu-west-1:*:orders") in grants
    assert ("sns:Publish", "arn:aws:sns:eu-west-1:*:news") in grants
    assert [line.partition(" does")[0] for line in missing] == ["queue 'orders'", "topic 'news'"]


async def test_attributes_that_may_not_be_read_are_told() -> None:
    there = There({"orders": QueueFacts(name="orders", arn=QUEUE.arn, known=False)})
    _, missing = await found(there, source())
    assert len(missing) == 1
    assert "its attributes may not be read" in missing[0]


async def test_offline_nobody_is_asked() -> None:
    there = There({})
    grants, missing = await found(there, source(f"{ARN}orders"), offline=True)
    assert ("sqs:ReceiveMessage", QUEUE.arn) in grants
    assert there.asked == []
    assert len(missing) == 1


def test_what_is_in_memory_needs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = click.testing.CliRunner().invoke(cli, ["iam", "--source", "memory://orders", "--offline"])
    assert (told.exit_code, json.loads(told.stdout)["Statement"]) == (0, [])


def test_two_applications_are_a_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = click.testing.CliRunner().invoke(cli, ["check", "a:app", "--app", "b:app"])
    assert told.exit_code == 2
    assert "two applications" in told.stderr
