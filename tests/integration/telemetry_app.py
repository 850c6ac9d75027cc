"""An application whose messages come to every end; what OpenTelemetry and Sentry were told goes to files in DUMPS."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sentry_sdk
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import Counter as Counted
from prometheus_client import Gauge
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from strict.strict_control import StrictEndpoint

from loafer import IgnoreMessage, Loafer, Message, RejectMessage, Retry

FOLDER = Path(os.environ["DUMPS"])
OUTCOME = "loafer.outcome"

exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider([reader]))
paid = Counted("shop_paid", "Orders that were paid.")
open_orders = Gauge("shop_open_orders", "Orders that are open.")
open_orders.set(7)


class Kept(Transport):
    """Keeps what would be sent to Sentry."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            told: Any = item.payload.json or {}
            if told.get("type") == "transaction":
                self.transactions[told["contexts"]["trace"]["data"][OUTCOME]] += 1
            elif "exception" in told:
                self.errors[told["exception"]["values"][-1]["type"]] += 1


kept = Kept()
sentry_sdk.init(
    dsn="http://key@localhost/1", transport=kept, traces_sample_rate=1.0, auto_enabling_integrations=False
)  # fmt: skip


def points(name: str, label: str) -> Counter[str]:
    """Return what a metric of OpenTelemetry has come to, by one of its attributes."""
    found: Counter[str] = Counter()
    data: Any = reader.get_metrics_data()
    for metric in (each for of in data.resource_metrics for scope in of.scope_metrics for each in scope.metrics):
        for point in metric.data.data_points if metric.name == name else ():
            value = point.value if hasattr(point, "value") else point.count
            found[str((point.attributes or {}).get(label, ""))] += value
    return found


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    yield
    spans = [dict(span.attributes or {}) for span in exporter.get_finished_spans()]
    told = {
        "spans": Counter(str(span[OUTCOME]) for span in spans if OUTCOME in span),
        "span errors": Counter(str(span["error.type"]) for span in spans if "error.type" in span),
        "outcomes": points("loafer.messages", OUTCOME),
        "causes": points("loafer.redeliveries", "loafer.cause"),
        "consumed": points("messaging.client.consumed.messages", "messaging.destination.name"),
        "settled": points("loafer.settled.messages", "messaging.operation.name"),
        "durations": points("messaging.process.duration", "error.type"),
        "transactions": kept.transactions,
        "errors": kept.errors,
    }
    (FOLDER / f"{os.getpid()}.json").write_text(json.dumps(told))


app = Loafer(lifespan=lifespan, grace_period=60, handler_timeout=40, prefetch=10, retry=Retry(delay=1))
endpoint = StrictEndpoint(os.environ["AWS_ENDPOINT_URL"])


@app.route("orders", max_jobs=int(os.environ["JOBS"]))
async def handle(content: dict[str, Any], message: Message) -> None:
    match content["do"] if message.attempt == 1 else "again":
        case "done":
            paid.inc()
        case "fail":
            raise ValueError("the first kind")
        case "break":
            raise KeyError("the second kind")
        case "reject":
            raise RejectMessage("as it is")
        case "ignore":
            raise IgnoreMessage("not yet")
        case "slow":
            await asyncio.Event().wait()
        case "lose":  # somebody else deletes it, so that its lease cannot be extended
            url = f"{endpoint.url}/000000000000/orders"
            await asyncio.to_thread(endpoint.call, "DeleteMessage", QueueUrl=url, ReceiptHandle=message.receipt)
            await asyncio.sleep(12)
        case "hold":
            while not (FOLDER / "go").exists():
                await asyncio.sleep(0.05)
