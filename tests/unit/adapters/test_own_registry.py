"""What an application keeps by the client library of Prometheus is told for several workers together."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from loafer.adapters.prometheus.own import families_in
from loafer.domain.metrics import merged, text_of


def kept() -> CollectorRegistry:
    """Return a registry with something of every kind."""
    registry = CollectorRegistry()
    paid = Counter("shop_paid", "Paid.", ["how"], registry=registry)
    paid.labels("card").inc(3)
    paid.labels('a "quoted"\nway').inc()
    Counter("shop_never", "Has no child.", ["how"], registry=registry)
    Gauge("shop_open", "Open.", registry=registry).set(7.5)
    Gauge("shop_strange", "Not finite.", ["worker"], registry=registry).labels("mine").set(float("nan"))
    took = Histogram("shop_took_seconds", "Took.", ["how"], buckets=(0.1, 1), registry=registry)
    for seconds in (0.05, 0.5, 5):
        took.labels("card").observe(seconds)
    Summary("shop_size_bytes", "Size.", registry=registry).observe(100)
    Info("shop_build", "Build.", registry=registry).info({"version": "1"})
    Enum("shop_state", "State.", states=["open", "shut"], registry=registry).state("shut")
    return registry


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {name: str(float(value)) if name == "le" else value for name, value in sample.labels.items()}
            key = sample.name, frozenset(labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def test_one_worker_tells_what_is_in_its_registry() -> None:
    registry = kept()
    there = {
        (name, frozenset({**dict(labels), "worker": "w"}.items()) if _names(name) else labels): value
        for (name, labels), value in samples(generate_latest(registry).decode()).items()
        if not name.endswith("_created")
    }
    told = samples(text_of(families_in("w", registry)))
    strange = ("shop_strange", frozenset({("worker", "w")}))
    assert told.pop(strange) != there.pop(strange)  # no number
    assert told == there


def _names(name: str) -> bool:
    return name in ("shop_open", "shop_strange", "shop_build_info", "shop_state")


def test_what_counts_is_added_up_over_workers_and_anything_else_names_its_worker() -> None:
    text = text_of(merged([families_in(f"worker-{number}", kept()) for number in (1, 2, 3)]))
    told = samples(text)
    assert told["shop_paid_total", frozenset({("how", "card")})] == 9
    assert told["shop_took_seconds_bucket", frozenset({("how", "card"), ("le", "1.0")})] == 6
    assert told["shop_took_seconds_count", frozenset({("how", "card")})] == 9
    assert told["shop_took_seconds_sum", frozenset({("how", "card")})] == pytest.approx(16.65)
    assert told["shop_size_bytes_count", frozenset()] == 3
    assert told["shop_size_bytes_sum", frozenset()] == 300
    opened = {key: value for key, value in told.items() if key[0] == "shop_open"}
    assert list(opened.values()) == [7.5] * 3
    assert "# TYPE shop_size_bytes summary" in text
