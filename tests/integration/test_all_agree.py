"""One run of a thousand messages, read back from everything that tells of it: all agree with the truth."""

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from endpoints import free_port
from prometheus_client.parser import text_string_to_metric_families
from strict.strict_control import StrictEndpoint
from test_status_server import ask
from workers import HERE, LOAFER, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

BODIES = {"done": 710, "fail": 100, "break": 60, "reject": 60, "ignore": 50, "slow": 10, "lose": 10}
JOBS = 20
QUICK, HELD = 40, 60
"""Messages that come in the end; the first are done at once, so that more is received ahead of the others."""

KEPT = sum(BODIES[what] for what in ("fail", "break", "ignore", "slow"))
"""Messages that come back, and are done then."""

OUTCOMES = {"succeeded": 710 + KEPT + 10, "failed": 170, "rejected": 60, "ignored": 50}
CAUSES = {"failed": 160, "timeout": 10, "ignored": 50, "lease lost": 10}
ERRORS = {"ValueError": 100, "KeyError": 60, "HandlerTimeout": 10}


@attrs.define
class Running:
    """`loafer run` with everything that tells of it."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(ask(self.port, "/status")[1])
        return found

    def of_route(self, what: str) -> list[Any]:
        """Return something of the route's status, of each worker."""
        return [route[what] for worker in self.status["workers"] for route in worker["routes"]]

    def metric(self, name: str, label: str) -> dict[str, float]:
        """Return the samples of a metric, by one of their labels."""
        families = text_string_to_metric_families(ask(self.port, "/metrics")[1])
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return {sample.labels.get(label, ""): sample.value for sample in samples}

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def told(self) -> dict[str, Counter[str]]:
        """Return what OpenTelemetry and Sentry were told, by all processes."""
        found: dict[str, Counter[str]] = {}
        for file in self.folder.glob("*.json"):
            for name, counts in json.loads(file.read_text()).items():
                found.setdefault(name, Counter()).update(counts)
        return found


@pytest.fixture(params=[1, 4])
def running(request: pytest.FixtureRequest, strict: StrictEndpoint, tmp_path: Path) -> Iterator[Running]:
    strict.create("orders", VisibilityTimeout=15)
    strict.fill("orders", [{"do": what} for what, count in BODIES.items() for _ in range(count)])
    port = free_port()
    environ = {
        **os.environ,
        "PYTHONPATH": str(HERE),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "DUMPS": str(tmp_path),
        "JOBS": str(JOBS // request.param),
        "LOAFER_OBSERVERS": "otel,sentry,prometheus",
        "LOAFER_STATUS": f"127.0.0.1:{port}",
        "LOAFER_PROCESSES": str(request.param),
        "LOAFER_LOG_FORMAT": "json",
        "LOAFER_LOGLEVEL": "DEBUG",
    }
    with (tmp_path / "log").open("wb") as log:
        command = [str(LOAFER), "run", "telemetry_app:app"]
        process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=log, stderr=log)
    yield Running(tmp_path, port, process)
    process.kill()
    process.wait()


def test_all_of_them_agree(running: Running, strict: StrictEndpoint) -> None:
    wait_until(lambda: strict.left("orders") == 0 and sum(running.of_route("held")) == 0, 200, every=1)
    wait_until(lambda: running.metric("loafer_messages_total", "outcome") == OUTCOMES)
    assert sum(running.of_route("jobs")) == 0
    assert running.metric("shop_paid_total", "") == {"": 710}

    strict.fill("orders", [*[{"do": "done"}] * QUICK, *[{"do": "hold"}] * HELD])
    outcomes = {**OUTCOMES, "succeeded": OUTCOMES["succeeded"] + QUICK}
    wait_until(lambda: sum(running.of_route("jobs")) == JOBS)
    wait_until(lambda: sum(running.of_route("waiting")) > 0)
    time.sleep(2)
    asked = time.time()
    running.process.send_signal(signal.SIGTERM)

    def released() -> int:
        return sum(event.at > asked for event in strict.history("orders", "released"))

    stop: dict[str, float] = {}

    def stopped() -> bool:
        stop.update(running.metric("loafer_redeliveries_total", "cause"))
        told = sum(int(each.get("stop", 0)) for each in running.of_route("causes"))
        return stop.get("stop") == released() == told > 0

    wait_until(stopped, every=1)
    counts, causes = _summed(running.of_route("counts")), _summed(running.of_route("causes"))
    from_prometheus = {
        "outcomes": running.metric("loafer_messages_total", "outcome"),
        "causes": running.metric("loafer_redeliveries_total", "cause"),
        "errors": running.metric("loafer_handler_errors_total", "error"),
        "durations": running.metric("messaging_process_duration_seconds_count", "error_type"),
        "consumed": running.metric("messaging_client_consumed_messages_total", "messaging_destination_name"),
    }
    (running.folder / "go").touch()
    assert running.process.wait(60) == 0
    received = len(strict.history("orders", "received"))

    elsewhere = {"elsewhere": causes["elsewhere"]} if "elsewhere" in causes else {}
    if len(running.told()["outcomes"]) and not elsewhere:
        assert received == 1000 + KEPT + QUICK + JOBS + released()
    truth = {**CAUSES, "stop": released(), **elsewhere}
    assert causes == truth
    assert {name: counts[name] for name in outcomes} == outcomes
    assert from_prometheus["outcomes"] == outcomes
    assert from_prometheus["causes"] == truth
    assert from_prometheus["errors"] == {**ERRORS, "IgnoreMessage": 50}
    assert from_prometheus["durations"] == {**ERRORS, "IgnoreMessage": 50, "": outcomes["succeeded"] + 60}
    assert from_prometheus["consumed"] == {"orders": received}

    told, final = running.told(), {**outcomes, "succeeded": outcomes["succeeded"] + JOBS}
    assert told["spans"] == told["outcomes"] == told["transactions"] == final
    assert told["span errors"] == {**ERRORS, "IgnoreMessage": 50}
    assert told["causes"] == truth
    assert told["consumed"] == {"orders": received}
    assert told["errors"] == ERRORS
    assert sum(told["durations"].values()) == sum(final.values())
    _check_log(running.records(), final)


def _check_log(records: list[dict[str, Any]], final: dict[str, int]) -> None:
    said = Counter(_kind(record) for record in records)
    assert {name: said[name] for name in final} == final
    failed = [record for record in records if _kind(record) == "failed"]
    assert Counter(record["error.type"] for record in failed) == ERRORS
    assert {record["log.level"] for record in failed} == {"error"}
    assert all("messaging.message.id" in record for record in failed)
    assert said["lost"] == CAUSES["lease lost"]
    summaries = [record["summary"] for record in records if "summary" in record]
    assert sum(summary["done"] for summary in summaries) == final["succeeded"]
    assert sum(summary["failed"] for summary in summaries) == final["failed"]


_SAID = {
    "succeeded": r"message \S+ on route \S+: done",
    "failed": r"message \S+ on route \S+ is kept: its handler failed",
    "rejected": r"message \S+ on route \S+ is deleted: rejected by its handler: as it is",
    "ignored": r"message \S+ on route \S+ is kept: ignored by its handler: not yet",
    "lost": r"message \S+: its lease is lost",
}


def _kind(record: dict[str, Any]) -> str:
    return next((name for name, text in _SAID.items() if re.match(text, record["message"])), "")


def _summed(counts: list[dict[str, int]]) -> Counter[str]:
    return sum((Counter(each) for each in counts), Counter())
