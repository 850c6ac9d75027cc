"""The column of `loafer queues --age`."""

import json
from collections.abc import Mapping, Sequence

import attrs
import pytest

from loafer.domain.facts import Place, QueueFacts
from loafer.entrypoints.commands import queues
from loafer.entrypoints.commands.queues import Asked, show_queues
from loafer.exceptions import AccessDenied
from loafer.ports.reader import Reader

ARN = "arn:aws:sqs:eu-west-1:123456789012:"


@attrs.define
class Told(Reader):
    """Two queues, of which CloudWatch knows one, unless it is denied."""

    denied: bool = False
    asked: list[Sequence[str]] = attrs.field(factory=list)

    async def queues(self, prefix: str) -> Sequence[str]:
        return ["orders", "ledger"]

    async def queue(self, place: Place) -> QueueFacts:
        return QueueFacts(name=place.text, arn=f"{ARN}{place.text}", visible=3)

    async def ages(self, names: Sequence[str]) -> Mapping[str, float]:
        self.asked.append(names)
        if self.denied:
            raise AccessDenied("CloudWatch: access denied")
        return {"orders": 3700.4}

    async def topic(self, place: object) -> object:  # type: ignore[override]
        raise NotImplementedError

    subscriptions = probe = topic  # type: ignore[assignment]

    async def close(self) -> None: ...


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Told:
    made = Told()
    monkeypatch.setattr("loafer.adapters.aws.reader.AWSReader", lambda: made)
    monkeypatch.setattr(queues, "found_workers", lambda *_: [])
    return made


def shown(reader: Told, asked: Asked, looks: int = 1) -> list[str]:
    """Return what so many looks print; the last one is interrupted."""
    printed = list[str]()

    def show(text: str) -> None:
        printed.append(text)
        if asked.watch and len(printed) == looks:
            raise KeyboardInterrupt

    show_queues(asked, terminal=False, show=show)
    return printed


def test_the_oldest_is_shown_where_it_is_asked_for_and_a_dash_where_nobody_told(reader: Told) -> None:
    [text] = shown(reader, Asked(interval=0, ages=True))
    assert text.splitlines() == ["queue   waiting  oldest", "ledger        3  -", "orders        3  1 h 1 min"]
    [text] = shown(reader, Asked(interval=0))
    assert text.splitlines()[0] == "queue   waiting"
    assert reader.asked == [["ledger", "orders"]]


def test_json_has_the_age_in_seconds(reader: Told) -> None:
    [text] = shown(reader, Asked(interval=0, ages=True, as_json=True))
    assert [row["age"] for row in json.loads(text)["queues"]] == [None, 3700.4]


def test_that_it_cannot_be_had_is_said_once_and_the_rest_is_shown(
    reader: Told, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.denied = True
    monkeypatch.setattr(queues, "AGES_EVERY", 0.0)
    texts = shown(reader, Asked(interval=0.001, watch=True, ages=True), looks=3)
    assert [len(text.splitlines()) for text in texts] == [3, 3, 3]
    assert "orders        3  -" in texts[0]
    assert len(reader.asked) == 3
    assert capsys.readouterr().err == "loafer: how old messages are is not known: CloudWatch: access denied\n"


def test_while_it_is_watched_it_is_asked_for_once_a_minute(reader: Told) -> None:
    shown(reader, Asked(interval=0.001, watch=True, ages=True), looks=5)
    assert len(reader.asked) == 1
