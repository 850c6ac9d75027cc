"""The pages name every metric, and no other, with its kind, its unit and its labels."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
from opentelemetry.sdk.metrics.export import Gauge, Histogram, Sum
from statuses import QUIET
from test_metrics import handle, run
from test_telemetry import Told
from world import World, queue

from loafer.application.measures import Measures
from loafer.application.metrics import families_of
from loafer.application.status import Status
from loafer.domain.batch import Failure
from loafer.domain.depth import Backlog, Depth
from loafer.domain.message import Message
from loafer.domain.metrics import text_of
from loafer.ports.observer import Cause, Observer, Operation

DOCS = Path(__file__).parents[3] / "docs"
STATUS = Status(routes=(attrs.evolve(QUIET, jobs=1, held=1, backlog=Backlog(Depth(1), 1.0)),))
"""With a value of everything that a status may have."""


def rows(page: str) -> dict[str, list[str]]:
    """Return the cells behind each name in the tables of a page."""
    found = {}
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        if re.match(r"\| `[\w.]+`", line):
            first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            for name in re.findall(r"`([\w.]+)`", first):
                found[name] = cells
    return found


def tell_everything(observer: Observer) -> None:
    """Tell an observer once of everything that is counted."""
    message = Message("1", "x", "r", source="orders", sent_at=0.0)
    for asked in (1, 2):
        observer.received("orders", asked, [message])
    observer.received("orders", 1, [])
    observer.settled([message], Operation.ACKNOWLEDGE)
    observer.extended([message])
    observer.comes_back(message, Cause.FAILED)
    for error in (None, ValueError()):
        observer.called(Operation.RECEIVE, "orders", 0.1, error)
    for topic in (False, True):
        observer.sent("receipts", ["id", Failure("no")], None, 0.1, topic=topic)


def test_the_page_of_prometheus_names_every_metric_and_no_other() -> None:
    families = [*Measures().families(), *families_of(Status(), 30)]
    made = {f"{family.name}_total" if family.kind == "counter" else family.name: family.kind for family in families}
    named = {name: cells[0] for name, cells in rows("metrics.md").items()}
    assert named == {**made, "loafer_info": "gauge"}


async def test_it_names_every_label_and_no_other() -> None:
    _, measures, _ = await run()
    tell_everything(measures)
    table = rows("metrics.md")
    for family in [*measures.families(), *families_of(STATUS, 30)]:
        name = f"{family.name}_total" if family.kind == "counter" else family.name
        assert family.samples, f"nothing was counted for {name}"
        labels = {label for sample in family.samples for label, _ in sample.labels}
        assert labels == set(re.findall(r"`(\w+)`", table[name][1])), name


async def test_the_page_of_opentelemetry_names_every_metric_with_its_unit_and_its_attributes() -> None:
    told = Told()
    observer = told.observer(lambda: STATUS)
    tell_everything(observer)
    await _handle(observer)
    data: Any = told.reader.get_metrics_data()
    metrics = [each for of in data.resource_metrics for scope in of.scope_metrics for each in scope.metrics]
    table = {name: cells for name, cells in rows("telemetry.md").items() if re.match("(messaging|loafer)[.]", name)}
    assert {each.name for each in metrics} == set(table)
    before: set[str] = set()
    for metric in sorted(metrics, key=lambda each: list(table).index(each.name)):
        kind, unit, said = table[metric.name]
        assert kind == {Sum: "counter", Gauge: "gauge", Histogram: "histogram"}[type(metric.data)], metric.name
        assert unit == f"`{metric.unit}`"
        named = set(re.findall(r"`((?:messaging|loafer|error)\.[\w.]+)`", said))
        before = before | named if said.startswith("as above") else named
        assert {str(name) for point in metric.data.data_points for name in point.attributes} == before, metric.name


async def _handle(observer: Observer) -> None:
    world = World(queue("orders", "done", "fail"), handle)
    world.dispatcher.observers = (observer,)
    await world.run_for(1)


def problems(text: str) -> Iterator[str]:
    """Yield what `promtool check metrics` would say of a text, as far as its rules can be said here."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helped = re.findall(r"^# HELP (\S+) \S.*$", text, re.MULTILINE)
    if sorted(helped) != sorted(kinds) or len(re.findall("^# ", text, re.MULTILINE)) != 2 * len(kinds):
        yield "not each has one HELP and one TYPE"
    for name, kind in kinds.items():
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            yield f"{name}: not in small letters"
        if (kind == "counter") != name.endswith("_total"):
            yield f"{name}: a counter, and nothing else, ends in _total"
        if re.search("_(count|sum|bucket|info_total)$", name) or re.search("counter|gauge|histogram|summary", name):
            yield f"{name}: named as what it is made of"
        if re.search("milli|micro|nano|minutes|hours|days|kilo|mega|percent|_(ms|us|ns|s|min|h|b|kb|mb)(_|$)", name):
            yield f"{name}: not in base units"
    yield from _problems_of_series(text, kinds)


def _problems_of_series(text: str, kinds: dict[str, str]) -> Iterator[str]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    series = [line.rpartition(" ")[0] for line in lines]
    if len(set(series)) < len(series):
        yield "a series is there twice"
    for each in series:
        name = re.sub("_(bucket|sum|count)$", "", each.partition("{")[0])
        if name not in kinds and each.partition("{")[0] not in kinds:
            yield f"{each}: of no family"
        if "le=" in each and kinds.get(name) != "histogram":
            yield f"{each}: a bucket of no histogram"


async def test_the_text_breaks_none_of_promtools_rules() -> None:
    _, measures, text = await run()
    tell_everything(measures)
    assert list(problems(text)) == []
    assert list(problems(text_of(measures.families()))) == []


def test_what_breaks_a_rule_is_found() -> None:
    bad = "# HELP a_total A.\n# TYPE a_total gauge\na_total 1\na_total 2\n# HELP b_ms B.\n# TYPE b_ms counter\n"
    assert len(list(problems(bad))) == 4
