"""Several handlers of one source, and middleware, from an application in code to what is left in the queue."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from loafer import CallNext, Context, IgnoreMessage, Item, Loafer, RejectMessage, Retry, Router, attribute, body
from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.branching import deliver_to_one
from loafer.application.delivery import Delivery
from loafer.application.dispatcher import Dispatcher
from loafer.application.handled import handled
from loafer.application.handler import ThreadHandler
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.route import Branching, Call, LeftOut, Route
from loafer.domain.choosing import Chooser
from loafer.domain.message import Attribute, Message, OutgoingMessage
from loafer.domain.rules import ALWAYS
from loafer.domain.share import Share
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.routes import Wiring

if TYPE_CHECKING:
    from collections.abc import Mapping

QUICK = {"WaitTimeSeconds": 1}


def now() -> float:
    return asyncio.get_running_loop().time()


@attrs.define(eq=False)
class Shop:
    """An application that runs on queues in memory, and what it did."""

    app: Loafer[Any]
    settings: Settings = attrs.field(factory=Settings)
    options: Options = attrs.field(factory=Options)
    broker: MemoryBroker = attrs.field(factory=lambda: MemoryBroker(now))
    ended: list[Delivery] = attrs.field(factory=list)
    dispatcher: Dispatcher | None = None

    def queue(self, name: str) -> MemoryQueue:
        return self.broker.queue(name)

    def send(self, content: object, kind: str | None = None, name: str = "events", group: str | None = None) -> None:
        attributes: Mapping[str, Attribute] = {} if kind is None else {"type": Attribute(kind)}
        text = content if isinstance(content, str) else json.dumps(content)
        self.queue(name).send(OutgoingMessage(text, attributes, group=group, deduplication_id=group and text))

    async def run(self, seconds: float = 5) -> list[tuple[str, str]]:
        """Run for so many seconds, and return of each delivery its route and its outcome."""
        mistakes = Mistakes()
        with ThreadPool(1) as pool:
            routes = Wiring(mistakes, pool, self.broker, None, self.settings).routes((), self.app)
            mistakes.raise_if_any()
            self.dispatcher = Dispatcher(routes, self.options, self.ended.append, now, threaded_heartbeat=False)
            running = asyncio.create_task(self.dispatcher.run())
            await asyncio.sleep(seconds)
            self.dispatcher.stop()
            await running
        return [(delivery.route, delivery.outcome) for delivery in self.ended]


def mistakes_in(app: Loafer[Any]) -> list[str]:
    mistakes = Mistakes()
    with ThreadPool(1) as pool:
        Wiring(mistakes, pool, MemoryBroker(), None, Settings()).routes((), app)
    return [str(mistake) for mistake in mistakes.found]


async def handle(content: Any) -> None: ...
async def many(batch: list[Item[Any]]) -> None: ...


@pytest.fixture
def app() -> Loafer[None]:
    return Loafer()


async def test_each_message_goes_to_the_first_route_that_takes_it(app: Loafer[None]) -> None:
    app.route("memory://events", when=attribute("type") == "a", name="a", options=QUICK)(handle)
    app.route("memory://events", when=body("kind").isin({"b", "c"}), name="b", options=QUICK)(handle)
    app.route("memory://events", name="rest", options=QUICK)(handle)
    shop = Shop(app)
    shop.send({"kind": "b"}, "a")
    shop.send({"kind": "b"})
    shop.send({"kind": "x"})
    assert sorted(await shop.run()) == [("a", "succeeded"), ("b", "succeeded"), ("rest", "succeeded")]
    assert len(shop.queue("events")) == 0


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        (body("kind") == "b", {"kind": "a"}),
        (attribute("type") == "b", '{"kind": "a"}'),
        ((body("kind") == "a") & (lambda _: bool(1 / 0)), {"kind": "a"}),
    ],
    ids=["decoded", "not looked at", "a condition raised"],
)
async def test_what_no_handler_got_is_shown_as_it_was_looked_at(app: Loafer[None], when: Any, shown: object) -> None:
    app.route("memory://events", when=when, options=QUICK)(handle)
    shop = Shop(app)
    shop.send({"kind": "a"})
    await shop.run()
    assert shop.ended[0].content == shown


async def test_each_route_has_its_own_content_retry_and_errors_that_reject(app: Loafer[None]) -> None:
    times: list[float] = []

    async def fails(content: dict[str, int]) -> None:
        times.append(now())
        raise KeyError

    async def rejects(content: Any, message: Message) -> None:
        raise KeyError

    app.route("memory://events", when=attribute("type") == "a", retry=Retry(delay=2), options=QUICK)(fails)
    app.route("memory://events", when=attribute("type") == "b", reject=KeyError, options=QUICK)(rejects)
    shop = Shop(app)
    shop.send({"number": 1}, "a")
    shop.send({}, "b")
    assert ("events-rejects", "rejected") in await shop.run(5)
    assert len(times) == 3
    assert times[1] - times[0] == pytest.approx(2, abs=0.1)


async def test_one_that_has_a_timeout_of_its_own_is_cancelled_then(app: Loafer[None]) -> None:
    async def slow(content: Any) -> None:
        await asyncio.sleep(60)

    app.route("memory://events", when=attribute("type") == "a", timeout=2, options=QUICK)(slow)
    shop = Shop(app)
    shop.send({}, "a")
    await shop.run(4)
    assert str(shop.ended[0].error) == "it took longer than 2 s"


@pytest.mark.parametrize(("own", "seconds"), [(None, 3), (2, 2), (5, 5)])
async def test_one_that_has_none_is_cancelled_after_the_workers(own: float | None, seconds: float) -> None:
    async def slow(content: Any) -> None:
        await asyncio.sleep(60)

    def consumer() -> MemoryConsumer:
        raise AssertionError

    route = Route("takes", "events", consumer, lambda _: {"content": 1}, Call(slow), timeout=own)
    branching = Branching((route,), Chooser.of([(ALWAYS, route)]), lambda _: None, lambda: None)
    delivery = await deliver_to_one(route, branching, Message("1", "{}", "r"), 3)
    assert str(delivery.error) == f"it took longer than {seconds} s"
    assert now() == pytest.approx(seconds)


async def test_what_no_route_takes_is_kept_and_told_once_a_minute(
    app: Loafer[None], caplog: pytest.LogCaptureFixture
) -> None:
    app.route("memory://events", when=attribute("type") == "a", options=QUICK)(handle)
    shop = Shop(app)
    for kind in ("x", "y", "y", None):
        shop.send({"secret": "s3cret"}, kind)
    await shop.run(100)
    assert len(shop.queue("events")) == 4
    first, second, *_ = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    text = "1 message of 'memory://events' that no route takes is kept: 1 with attribute('type') 'x'"
    assert first == text
    assert "2 with attribute('type') 'y'" in second or "4 with attribute('type') 'y'" in second
    assert "with no attribute('type')" in second
    assert "s3cret" not in caplog.text


async def test_what_no_route_took_in_the_last_minute_is_told_at_the_stop(
    app: Loafer[None], caplog: pytest.LogCaptureFixture
) -> None:
    app.route("memory://events", when=attribute("type") == "a", options=QUICK)(handle)
    shop = Shop(app)
    for kind in ("x", "y", "y", "z"):
        shop.send({}, kind)
    await shop.run(5)
    told = [message for message in caplog.messages if "no route takes" in message]
    assert len(told) == 2
    kinds = "2 with attribute('type') 'y'; 1 with attribute('type') 'z'"
    assert told[1] == f"3 messages of 'memory://events' that no route takes are kept: {kinds}"


async def test_of_many_kinds_that_no_route_takes_twenty_are_told_apart_and_the_others_together(
    app: Loafer[None], caplog: pytest.LogCaptureFixture
) -> None:
    app.route("memory://events", when=attribute("type") == "a", options=QUICK)(handle)
    shop = Shop(app)
    for kind in ("first", *map(str, range(23)), "0"):
        shop.send({}, kind)
    await shop.run(5)
    _, told = [message for message in caplog.messages if "no route takes" in message]
    kinds = told.partition("are kept: ")[2].split("; ")
    assert kinds[:2] == ["3 with others", "2 with attribute('type') '0'"]
    assert kinds[2:] == [f"1 with attribute('type') '{number}'" for number in range(1, 20)]


@pytest.mark.parametrize("partly", [False, True])
async def test_content_that_was_translated_for_a_condition_is_translated_once(partly: bool) -> None:
    translated, seen = [], list[object]()

    def translate(message: Message) -> dict[str, object]:
        translated.append(message.id)
        return {"content": json.loads(message.body)}

    def consumer() -> MemoryConsumer:
        raise AssertionError

    with ThreadPool(1) as pool:
        takes = Route("takes", "events", consumer, translate, Call(ThreadHandler(seen.append, pool)))
        other = attrs.evolve(takes, call=Call(handle)) if partly else takes
        chooser: Chooser[Route | LeftOut] = Chooser.of([((body("kind") == "a").rule, takes), (ALWAYS, other)])
        branching = Branching((takes, other), chooser, lambda _: None, lambda: None)
        assert branching.partly_threaded is partly
        delivery = await deliver_to_one(takes, branching, Message("1", '{"kind": "a"}', "r"), None)
    assert (delivery.outcome, seen, translated) == ("succeeded", [{"kind": "a"}], ["1"])


@pytest.mark.parametrize(("seconds", "told"), [(1, ("succeeded", None)), (3, ("untranslated", "its translator took"))])
async def test_a_coroutine_that_translates_for_a_condition_is_awaited_within_the_time_limit(
    seconds: float, told: tuple[str, str | None]
) -> None:
    async def translate(message: Message) -> dict[str, object]:
        await asyncio.sleep(seconds)
        return {"content": json.loads(message.body)}

    def consumer() -> MemoryConsumer:
        raise AssertionError

    route = Route("takes", "events", consumer, translate, Call(handle))
    branching = Branching((route,), Chooser.of([((body("kind") == "a").rule, route)]), lambda _: None, lambda: None)
    delivery = await deliver_to_one(route, branching, Message("1", '{"kind": "a"}', "r"), 2)
    assert (delivery.outcome, delivery.error and str(delivery.error)[:19]) == told
    assert now() == pytest.approx(min(seconds, 2))


def test_what_is_said_of_a_source_that_no_route_has_is_a_mistake(app: Loafer[None]) -> None:
    router = Router[Any]()
    app.include(router)
    app.route("events", when=attribute("type") == "a")(handle)
    router.unmatched("event", reject=True)
    app.unmatched("qqq", reject=True)
    app.unmatched("events", reject=True)
    line = test_what_is_said_of_a_source_that_no_route_has_is_a_mistake.__code__.co_firstlineno + 4
    place = "tests/unit/application/test_branching.py"
    assert mistakes_in(app) == [
        f"{place}:{line}: unmatched('event'): no route has this source; did you mean 'events'?",
        f"{place}:{line + 1}: unmatched('qqq'): no route has this source; name the source as its routes do",
    ]


async def test_what_no_route_takes_is_deleted_where_that_is_said(app: Loafer[None]) -> None:
    app.route("memory://events", when=body("kind") == "a", options=QUICK)(handle)
    app.unmatched("memory://events", reject=True)
    shop = Shop(app)
    shop.send({"kind": "b"})
    await shop.run()
    assert len(shop.queue("events")) == 0


async def test_where_only_some_routes_run_nothing_is_deleted_for_the_others(app: Loafer[None]) -> None:
    app.route("memory://events", when=body("kind") == "a", name="a", options=QUICK)(handle)
    app.route("memory://events", when=body("kind") == "b", name="b", options=QUICK)(handle)
    app.unmatched("memory://events", reject=True)
    shop = Shop(app, Settings(only=("a",)))
    shop.send({"kind": "b"})
    await shop.run()
    assert len(shop.queue("events")) == 1


async def test_where_only_some_routes_run_one_without_a_condition_leaves_the_others_their_messages(
    app: Loafer[None],
) -> None:
    app.route("memory://events", when=attribute("type") == "a", name="a", options=QUICK)(handle)
    app.route("memory://events", when=attribute("type").startswith("b"), name="b", options=QUICK)(handle)
    app.route("memory://events", when=attribute("type").isin({"b1", "c"}), name="c", options=QUICK)(handle)
    app.route("memory://events", name="rest", options=QUICK)(handle)
    for only, taken in {"rest": ["d"], "c": ["c"], "b": ["b1", "b2"]}.items():
        shop = Shop(app, Settings(only=(only,)))
        for kind in ("a", "b1", "b2", "c", "d"):
            shop.send({}, kind)
        await shop.run()
        handled = [each.message.attributes["type"].value for each in shop.ended if each.outcome == "succeeded"]
        assert (sorted(map(str, handled)), len(shop.queue("events"))) == (taken, 5 - len(taken))


@pytest.mark.parametrize("suffix", ["", ".fifo"])
async def test_where_only_some_routes_run_no_message_of_the_others_is_given_up_or_run_in_its_place(
    app: Loafer[None], suffix: str
) -> None:
    app.route(f"memory://events{suffix}", when=attribute("type") == "a", name="a", options=QUICK)(handle)
    app.route(f"memory://events{suffix}", when=attribute("type") == "b", name="b", options=QUICK)(handle)
    letters = MemoryQueue(f"dead{suffix}", clock=now)
    source = MemoryQueue(f"events{suffix}", clock=now, max_receive_count=5, dead_letters=letters, visibility_timeout=30)
    shop = Shop(app, Settings(only=("a",)), Options(retry_delay=Retry(dead_letter_after=1)))
    shop.broker.queues[source.name] = source
    for number, kind in enumerate("aba"):
        shop.send({"n": number}, kind, source.name, "g" if suffix else None)
    await shop.run(20)
    left = 2 if suffix else 1  # what is behind another worker's message waits for that
    assert (len(source), len(letters)) == (left, 0)
    assert [each.message.receive_count for each in shop.ended if each.outcome == "ignored"] == [1]
    both = Shop(app, broker=shop.broker)
    await both.run(90)
    assert (len(source), len(letters)) == (0, 0)
    assert [json.loads(each.message.body)["n"] for each in both.ended] == ([1, 2] if suffix else [1])


@pytest.mark.parametrize("suffix", ["", ".fifo"])
async def test_what_is_left_to_other_workers_comes_back_as_its_own_route_says(
    app: Loafer[None], suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    app.route(f"memory://events{suffix}", when=attribute("type") == "a", name="a", options=QUICK)(handle)
    app.route(f"memory://events{suffix}", when=attribute("type") == "b", retry=Retry(delay=1), options=QUICK)(handle)
    source = MemoryQueue(f"events{suffix}", clock=now, visibility_timeout=600)
    shop = Shop(app, Settings(only=("a",)))
    shop.broker.queues[source.name] = source
    shop.send({}, "b", source.name, "g" if suffix else None)
    await shop.run(5)
    assert len(source.visible) == 1
    assert "1 message of 'memory://events" + suffix + "' that no route of this worker takes is kept" in caplog.text


async def test_what_cannot_be_translated_is_kept_where_a_condition_needs_it(app: Loafer[None]) -> None:
    app.route("memory://events", when=body("kind") == "a", options=QUICK)(handle)
    app.route("memory://events", name="rest", options=QUICK)(handle)
    app.unmatched("memory://events", reject=True)
    shop = Shop(app)
    shop.send("no JSON")
    assert {outcome for _, outcome in await shop.run()} == {"untranslated"}
    assert len(shop.queue("events")) == 1
    assert {(each.route, each.message.body, type(each.error).__name__) for each in shop.ended} == {
        ("events", "no JSON", "InvalidTranslation")
    }


@attrs.frozen
class Checked:
    """Content whose check has a mistake of its own, or would reject it."""

    text: str

    def __attrs_post_init__(self) -> None:
        raise KeyError("x") if self.text == "bug" else RejectMessage("too old a version")


@pytest.mark.parametrize("text", ["bug", "rejected"])
@pytest.mark.parametrize("batch", [False, True])
async def test_a_check_of_content_rejects_nothing_for_the_handler_has_not_run(
    app: Loafer[None], text: str, *, batch: bool
) -> None:
    async def handle_one(content: Checked) -> None:
        raise AssertionError("it was called")

    async def handle_all(items: list[Item[Checked]]) -> None:
        raise AssertionError("it was called")

    if batch:
        app.batch("memory://events", size=2, wait=0.1, reject=Exception, options=QUICK)(handle_all)
    else:
        app.route("memory://events", reject=Exception, options=QUICK)(handle_one)
    shop = Shop(app)
    shop.send({"text": text})
    assert {outcome for _, outcome in await shop.run()} == {"failed"}
    assert len(shop.queue("events")) == 1


class Slow:
    """A translator that waits."""

    async def translate(self, body: str) -> dict[str, object]:
        await asyncio.sleep(500)
        return {"content": {}}


@pytest.mark.parametrize(("second", "told"), [({"timeout": 5}, "its translator took longer than 5 s"), ({}, "")])
async def test_a_translator_has_the_longest_time_of_the_routes_of_its_source(
    app: Loafer[None], second: dict[str, Any], told: str
) -> None:
    app.route("memory://events", when=body("n") == 1, translator=Slow, timeout=3, name="a", options=QUICK)(handle)
    app.route("memory://events", translator=Slow, name="b", options=QUICK, **second)(handle)
    shop = Shop(app)
    shop.send({"n": 1})
    await shop.run(7)
    assert str(shop.ended[0].error) == told  # or else the stop has cancelled it


async def test_a_condition_that_raises_keeps_the_message_and_no_handler_is_blamed(
    app: Loafer[None], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(message: Message) -> bool:
        raise RejectMessage("conditions cannot")

    app.route("memory://events", when=broken, name="a", options=QUICK)(handle)
    shop = Shop(app)
    shop.send({})
    assert {outcome for _, outcome in await shop.run()} == {"failed"}
    assert len(shop.queue("events")) == 1
    assert {(each.message.id, type(each.error), each.undecided) for each in shop.ended} == {
        ("events-1", RejectMessage, True)
    }
    [record] = [each for each in caplog.records if each.name == "loafer.application.report"]
    assert record.getMessage().startswith(
        "message events-1 on route events is kept: a condition of its routes failed: RejectMessage (test_branching.py:"
    )


async def test_the_order_of_a_group_holds_whoever_handles_its_messages(app: Loafer[None]) -> None:
    seen: list[int] = []

    async def slowly(content: dict[str, Any]) -> None:
        await asyncio.sleep(1)
        seen.append(content["number"])

    async def at_once(content: dict[str, Any]) -> None:
        seen.append(content["number"])

    app.route("memory://events.fifo", when=body("number").isin({1, 3, 5}), options=QUICK)(slowly)
    app.route("memory://events.fifo", options=QUICK)(at_once)
    shop = Shop(app)
    for number in range(1, 7):
        shop.send({"number": number}, name="events.fifo", group="g")
    await shop.run(10)
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_the_log_and_the_context_know_the_route_that_took_it(app: Loafer[None]) -> None:
    found: list[str] = []

    async def looks(content: Any, context: Context) -> None:
        handling = handled()
        assert handling is not None
        found.extend((handling.route, context.route))

    app.route("memory://events", when=attribute("type") == "a", name="mine", options=QUICK)(looks)
    shop = Shop(app)
    shop.send({}, "a")
    await shop.run()
    assert found == ["mine", "mine"]


async def test_limits_of_the_routes_of_a_source_count_together(app: Loafer[None]) -> None:
    app.route("memory://events", when=body("kind") == "a", max_jobs=3, weight=2, rate=5)(handle)
    app.route("memory://events", when=body("kind") == "b", name="b", rate=6)(handle)
    with ThreadPool(1) as pool:
        [route] = Wiring(Mistakes(), pool, MemoryBroker()).routes((), app)
    assert (route.name, route.share) == ("events", Share(max_jobs=13, weight=3, rate=11))


def test_routes_of_one_source_with_different_consumers_are_a_mistake(app: Loafer[None]) -> None:
    app.route("memory://events", when=body("kind") == "a", options=QUICK)(handle)
    app.route("memory://events", name="rest")(handle)
    [mistake] = mistakes_in(app)
    assert "route 'rest': options= differs from that of 'events-handle' (" in mistake


def test_a_batch_beside_another_route_of_its_source_is_a_mistake(app: Loafer[None]) -> None:
    app.route("memory://events", when=body("kind") == "a")(handle)
    app.batch("memory://events", size=3, name="rest")(many)
    assert any("a batch has its source for itself" in mistake for mistake in mistakes_in(app))


async def test_middleware_is_called_from_the_outermost_inwards_around_the_handler(app: Loafer[None]) -> None:
    steps: list[str] = []
    router = Router[None]()

    @app.middleware
    async def outer(context: Context, call_next: CallNext) -> None:
        steps.append(f"outer {context.route} {context.message.body}")
        await call_next()
        steps.append("outer again")

    @router.middleware
    async def inner(context: Context, call_next: CallNext) -> None:
        steps.append(f"inner {context.route} {context.message.body}")
        await call_next()

    @router.route("memory://events", options=QUICK)
    async def inmost(content: int, message: Message) -> None:
        steps.append(f"handler {content} {message.body}")

    app.include(router)
    shop = Shop(app)
    shop.send(7)
    assert await shop.run() == [("events", "succeeded")]
    assert steps == ["outer events 7", "inner events 7", "handler 7 7", "outer again"]


async def swallows(context: Context, call_next: CallNext) -> None:
    try:
        await call_next()
    except KeyError:
        return


async def raises(context: Context, call_next: CallNext) -> None:
    raise RejectMessage("not now")


async def ignores(context: Context, call_next: CallNext) -> None:
    raise IgnoreMessage


async def does_not_call_on(context: Context, call_next: CallNext) -> None: ...


@pytest.mark.parametrize(
    ("wrap", "outcome", "left"),
    [(swallows, "succeeded", 0), (raises, "rejected", 0), (ignores, "ignored", 1), (does_not_call_on, "ignored", 1)],
)
async def test_what_comes_out_of_the_middleware_counts(app: Loafer[None], wrap: Any, outcome: str, left: int) -> None:
    async def fails(content: Any) -> None:
        raise KeyError

    app.middleware(wrap)
    app.route("memory://events", options=QUICK)(fails)
    shop = Shop(app)
    shop.send(1)
    assert (await shop.run())[0] == ("events", outcome)
    assert len(shop.queue("events")) == left
    if wrap is does_not_call_on:
        assert str(shop.ended[0].error) == "the middleware does_not_call_on did not call on"


async def test_middleware_goes_around_a_batch_once(app: Loafer[None]) -> None:
    sizes: list[int] = []

    @app.middleware
    async def counts(context: Context, call_next: CallNext) -> None:
        sizes.append(len(context.messages))
        await call_next()

    app.batch("memory://events", size=3, wait=1, options=QUICK)(many)
    shop = Shop(app)
    for number in range(3):
        shop.send(number)
    assert await shop.run() == [("events", "succeeded")] * 3
    assert sizes == [3]


def test_middleware_that_cannot_be_called_is_a_mistake(app: Loafer[None]) -> None:
    def plain(context: Context, call_next: CallNext) -> None: ...
    async def of_one(context: Context) -> None: ...

    wrong: Any = (plain, of_one)
    for each in wrong:
        app.middleware(each)
    app.route("memory://events")(handle)
    first, second = mistakes_in(app)
    wrong = "the middleware plain is no coroutine function; write it as async def plain(context, call_next)"
    line = test_middleware_that_cannot_be_called_is_a_mistake.__code__.co_firstlineno + 6
    assert first == f"tests/unit/application/test_branching.py:{line}: {wrong}"
    assert second.startswith(f"tests/unit/application/test_branching.py:{line}: the middleware of_one(")
    assert "cannot be called with two arguments" in second
