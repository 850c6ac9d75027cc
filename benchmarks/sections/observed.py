"""What it costs that somebody is told what happens: the same run with and without."""

from functools import partial
from typing import Any

import attrs

from benchmarks.bench import QUEUE, Bench
from benchmarks.consumers import OURS

NOBODY, FILES, SERVED, TRACED = "nobody", "status files, as it is", "Prometheus", "OpenTelemetry, no trace sampled"
HOW = (
    "Nobody: without a status file, so that nobody is told of any message. Prometheus: with --status, while nobody "
    "asks. OpenTelemetry: with a tracer provider of its SDK whose sampler takes no trace, and no meter provider."
)
OFF = {"LOAFER_STATUS_FILE": "off"}


def run(bench: Bench) -> dict[str, Any]:
    """Return a row for each of those who may be told."""
    consumer, cases = bench.consumer(OURS), {}
    for label, handler, environ in (
        (NOBODY, "handlers.idle", OFF),
        (FILES, "handlers.idle", {}),
        (SERVED, "handlers.idle", {**OFF, "LOAFER_STATUS": "127.0.0.1:0"}),
        (TRACED, "traced.idle", {**OFF, "LOAFER_OBSERVERS": "otel"}),
    ):
        if consumer is not None:
            told = attrs.evolve(consumer, label=f"{OURS}, {label}", environ={**consumer.environ, **environ})
            command = told.command(QUEUE, "idle", "--handler", handler)
            cases[label] = partial(bench.steady, told, command)
    return {"rows": bench.interleaved(cases), "notes": [HOW]}
