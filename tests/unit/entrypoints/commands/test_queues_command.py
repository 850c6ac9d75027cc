"""`loafer queues`: which queues it looks at, and how old their oldest messages are."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import click.testing
import pytest

from loafer.domain.facts import Place, QueueFacts
from loafer.entrypoints.cli import cli
from loafer.entrypoints.commands import queues
from loafer.entrypoints.commands.queues import Asked, show_queues
from loafer.exceptions import AccessDenied, ConsumerError
from loafer.ports.reader import Reader

ARN = "arn:aws:sqs:eu-west-1:123456789012:"


@attrs.define
class Told(Reader):
    """Queues, of which CloudWatch knows one, unless it is denied."""

    denied: bool = False
    asked: list[Sequence[str]] = attrs.field(factory=list)
    listed: int = 0
    places: list[Place] = attrs.field(factory=list)

    async def queues(self, prefix: str) -> Sequence[str]:
        self.listed += 1
        return ["orders", "ledger"]

    async def queue(self, place: Place) -> QueueFacts:
        self.places.append(place)
        if place.text == "gone":
            raise ConsumerError("queue 'gone' does not exist")
        if place.text == "receipts":
            dead = f"{ARN}receipts-dlq"
            return QueueFacts(name=place.text, arn=f"{ARN}receipts", visible=1, dead_letters=dead)
        if place.text == f"{ARN}receipts-dlq":
            return QueueFacts(name="receipts-dlq", arn=place.text, visible=2)
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


APPLICATION = """
from loafer import Loafer

app = Loafer()
receipts = app.publisher("receipts", dict)
news = app.publisher(topic="news", content=dict)


@app.route("orders")
async def charge(order: dict) -> None: ...


@app.route("memory://here")
async def own(order: dict) -> None: ...
"""


def run(*arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, ["queues", "--interval", "0", *arguments], prog_name="loafer")


@pytest.fixture
def application(reader: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "shop_queues.py").write_text(APPLICATION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return "shop_queues:app"


@pytest.mark.parametrize("option", [(), ("--app",)], ids=["argument", "option"])
def test_the_queues_of_an_application_are_those_that_it_receives_from_and_publishes_to(
    reader: Told, application: str, option: tuple[str, ...]
) -> None:
    done = run(*option, application)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["queue", "orders", "receipts", "receipts-dlq"]
    assert reader.listed == 0


def test_a_prefix_chooses_among_the_queues_of_an_application(application: str) -> None:
    done = run("rec", "--app", application)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["queue", "receipts", "receipts-dlq"]


def test_the_queue_of_the_options_is_looked_at_as_a_worker_would(reader: Told) -> None:
    done = run("--source", "orders")
    assert done.stdout.splitlines() == ["queue   waiting", "orders        3"]
    assert [place.text for place in reader.places] == ["orders"]
    assert reader.listed == 0


def test_a_queue_of_a_configuration_that_is_not_there_is_told(reader: Told) -> None:
    done = run("--source", "gone")
    assert (done.exit_code, done.stdout) == (0, "no queue\n")
    assert done.stderr == "loafer: queue 'gone' does not exist\n"


def test_two_applications_are_a_wrong_usage(reader: Told) -> None:
    assert run("one:app", "--app", "two:app").exit_code == 2


@pytest.mark.usefixtures("reader")
def test_without_any_of_it_all_queues_are_listed() -> None:
    assert [line.split()[0] for line in run().stdout.splitlines()] == ["queue", "ledger", "orders"]
