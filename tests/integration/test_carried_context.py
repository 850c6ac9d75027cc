"""The context of a trace goes to the endpoint with a message and comes back, where there is room and where not."""

import pytest
from aws_world import received
from endpoints import create_queue, create_topic, subscribe, unique
from strict.strict_control import StrictEndpoint

from loafer import Loafer
from loafer.ports.carried import context_of

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACER = """
from loafer.ports.observer import Observer

class Tracer(Observer):
    def sending(self, to, messages, *, topic):
        return {"traceparent": "%s", "tracestate": "a=b"}
"""
FULL = {f"a{number}": "v" for number in range(10)}
NEARLY = {f"a{number}": "v" for number in range(9)}


@pytest.fixture(autouse=True)
def traced(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("traced")
    (folder / "tracer_of_tests.py").write_text(TRACER % PARENT)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("LOAFER_OBSERVERS", "tracer_of_tests.Tracer")


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # the SDK's way
@pytest.mark.usefixtures("transport")
async def test_the_strictest_endpoint_takes_it_with_any_number_of_attributes(strict: StrictEndpoint) -> None:
    name = strict.create("orders")
    app = Loafer()
    orders = app.publisher(name)
    async with app.publishing():
        await orders.publish(1)
        await orders.publish(2, attributes=NEARLY)
        await orders.publish(3, attributes=FULL)
        assert [type(each) for each in await orders.publish_batch([4, 5, 6], attributes=FULL)] == [str] * 3
        await orders.publish("x" * (1_048_576 - 60))
    largest, first, second, *rest = sorted(await received(name, 7), key=lambda message: message.body)
    assert [context_of(message)["traceparent"] for message in (first, second)] == [PARENT] * 2
    assert (context_of(first)["tracestate"], "tracestate" in context_of(second)) == ("a=b", False)
    for message in (*rest, largest):
        assert "traceparent" not in message.attributes
        assert message.trace_header == "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1"
        assert context_of(message)["traceparent"] == PARENT


@pytest.mark.parametrize("raw", [False, True])
async def test_it_comes_through_a_topic_raw_and_in_its_envelope(raw: bool, aws: str) -> None:
    news, readers = unique("events"), await create_queue(unique("readers"))
    await subscribe(await create_topic(news), readers, raw=raw)
    app = Loafer()
    events = app.publisher(topic=news)
    async with app.publishing():
        await events.publish("roomy")
        await events.publish("full", attributes=FULL)
    full, with_room = sorted(await received(readers, 2), key=lambda message: "roomy" in message.body)
    assert context_of(with_room)["traceparent"] == PARENT
    assert "traceparent" not in context_of(full)
