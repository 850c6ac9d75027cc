"""Routes as they stand in code: what registering them keeps, and what is wrong with them."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from loafer import Context, InvalidContent, Item, Retry, attribute, body
from loafer.application.registered import Batching, Line
from loafer.application.registering import CallNext
from loafer.application.routing import Router
from loafer.entrypoints.app import Loafer
from loafer.exceptions import ConfigurationError, HandlerTimeout


async def handle(content: Any) -> None: ...
async def many(batch: list[Item[Any]]) -> None: ...
async def outer(context: Context, call_next: CallNext) -> None: ...
async def inner(context: Context, call_next: CallNext) -> None: ...


AWS_PLACE = ("region", "endpoint", "profile")


def here(below: int) -> Line:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return Line(__file__, frame.f_back.f_lineno + below)


def test_registering_gives_the_handler_back_unchanged_and_keeps_its_line() -> None:
    app = Loafer()
    line = here(1)
    registered = app.route("orders", max_jobs=3, retry=Retry(delay=5), reject=InvalidContent)(handle)
    assert registered is handle
    [route] = app.routes()
    assert (route.source, route.handler, route.line) == ("orders", handle, line)
    assert (route.max_jobs, route.retry, route.reject, route.weight) == (3, Retry(delay=5), InvalidContent, None)


def test_the_line_is_told_as_an_editor_finds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(Line(str(tmp_path / "shop" / "app.py"), 12)) == "shop/app.py:12"
    assert str(Line("/elsewhere/app.py", 12)) == "/elsewhere/app.py:12"


def test_a_batch_is_a_route_that_collects() -> None:
    app = Loafer()
    assert app.batch("clicks", size=500, wait=2)(many) is many
    app.batch("views", size=1)(many)
    assert [route.batching for route in app.routes()] == [Batching(500, 2), Batching(1, 1.0)]


@pytest.mark.parametrize(
    ("source", "queue"),
    [
        ("orders", "orders"),
        ("https://sqs.sa-east-1.amazonaws.com/123456789012/orders.fifo", "orders.fifo"),
        ("arn:aws:sqs:sa-east-1:123456789012:orders", "orders"),
        ("memory://orders", "orders"),
    ],
)
def test_a_route_has_the_name_of_its_queue(source: str, queue: str) -> None:
    app = Loafer()
    app.route(source)(handle)
    app.route(source, when=attribute("kind") == "a")(handle)
    app.route(source, name="Mine", when=attribute("kind") == "b")(handle)
    assert [route.name for route in app.routes()] == [queue, f"{queue}-handle", "Mine"]


def test_in_variables_a_name_has_capitals_and_underscores() -> None:
    app = Loafer()
    app.route("shop-orders.fifo")(handle)
    assert app.routes()[0].key == "SHOP_ORDERS_FIFO"


def test_included_routes_stand_where_they_are_included_inside_of_the_middleware() -> None:
    app, router, innermost = Loafer(), Router(), Router()
    app.middleware(outer)
    app.route("first")(handle)
    app.include(router)
    app.route("last")(handle)
    router.route("second")(handle)
    router.include(innermost)
    innermost.route("third")(handle)
    assert router.middleware(inner) is inner
    assert [(route.source, route.middleware) for route in app.routes()] == [
        ("first", (outer,)),
        ("second", (outer, inner)),
        ("third", (outer, inner)),
        ("last", (outer,)),
    ]


def test_routers_that_include_each_other_are_read_once() -> None:
    one, other = Router(), Router()
    one.include(other)
    other.include(one)
    one.include(one)
    one.route("one")(handle)
    other.route("other")(handle)
    assert [route.source for route in one.routes()] == ["other", "one"]


@pytest.mark.parametrize(
    "register",
    [
        lambda router: router.route("orders")(handle),
        lambda router: router.batch("orders", size=2)(handle),
        lambda router: router.publisher("receipts"),
        lambda router: router.publisher(topic="events"),
        lambda router: router.middleware(outer),
        lambda router: router.include(Router()),
        lambda router: router.unmatched("orders", reject=True),
    ],
)
def test_nothing_is_registered_while_an_application_runs(register: Callable[[Router[Any]], object]) -> None:
    app, router = Loafer(), Router[Any]()
    app.include(router)
    router.include(app)
    for each in (app, router):
        with app.running_with(), app.running_with(), pytest.raises(ConfigurationError, match=r"test_routing\.py:\d+: "):
            register(each)
    assert [len(each.entries) for each in (app, router)] == [1, 1]
    register(router)
    assert len(router.entries) == 2


def test_what_is_no_router_cannot_be_included() -> None:
    with pytest.raises(TypeError, match=r"^include\(\) takes a Router, and 5 is none$"):
        Loafer().include(5)  # type: ignore[arg-type]


def test_what_no_route_takes_is_rejected_where_that_was_said() -> None:
    app, router = Loafer(), Router()
    app.include(router)
    router.unmatched("events", reject=True)
    app.unmatched("others", reject=False)
    assert app.rejected() == {"events": True, "others": False}


def test_publishers_are_data_until_the_application_runs() -> None:
    app, router = Loafer(), Router()
    app.include(router)
    receipts = app.publisher("receipts", dict, region="sa-east-1")
    line = here(1)
    events = router.publisher(topic="events", content=dict)
    assert app.publishers() == [events, receipts]
    destination = events.destination
    assert (destination.name, destination.topic, destination.content, destination.line) == ("events", True, dict, line)
    assert receipts.destination.region == "sa-east-1"


@pytest.mark.parametrize("given", [{}, {"queue": "a", "topic": "b"}])
def test_a_publisher_has_one_destination(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="publisher takes either a queue or topic="):
        Loafer().publisher(**given)


def mistakes(register: Callable[[Loafer[None]], object]) -> list[str]:
    app = Loafer()
    register(app)
    return [mistake.split(": ", 1)[1] for mistake in app.mistakes()]


@pytest.mark.parametrize(
    ("register", "said"),
    [
        (lambda app: app.route("")(handle), "route '': source='' cannot be; give a queue's name, URL or ARN"),
        (
            lambda app: app.route(["a", "b"])(handle),
            "route \"['a', 'b']\": source=['a', 'b'] cannot be; give a queue's",
        ),
        (lambda app: app.route(None)(handle), "route 'None': source=None cannot be; give a queue's name, URL or ARN"),
        (lambda app: app.route("a", name=5)(handle), "route 5: name=5 cannot be; give a name"),
        (lambda app: app.route("a", region=5)(handle), "route 'a': region=5 cannot be; give a string"),
        (lambda app: app.route("a", endpoint=5)(handle), "route 'a': endpoint=5 cannot be; give a string"),
        (lambda app: app.route("a", profile=5)(handle), "route 'a': profile=5 cannot be; give a string"),
        (lambda app: app.route("a", name=" ")(handle), "route ' ': name=' ' cannot be; give a name"),
        (lambda app: app.route("a", max_jobs=0)(handle), "route 'a': max_jobs=0 cannot be; give 1 or more"),
        (lambda app: app.route("a", prefetch=1.5)(handle), "route 'a': prefetch=1.5 cannot be; give 1 or more"),
        (lambda app: app.route("a", weight=0)(handle), "route 'a': weight=0 cannot be; give more than 0"),
        (lambda app: app.route("a", rate=-1)(handle), "route 'a': rate=-1 cannot be; give more than 0 a second"),
        (lambda app: app.route("a", burst=5)(handle), "route 'a': burst=5 says nothing without rate="),
        (lambda app: app.route("a", timeout=0)(handle), "route 'a': timeout=0 cannot be; give more than 0 seconds"),
        (lambda app: app.route("a", retry=5)(handle), "route 'a': retry=5 cannot be; give a Retry, such as"),
        (lambda app: app.route("a", reject="x")(handle), "route 'a': reject='x' cannot be; give a class of"),
        (lambda app: app.route("a", reject=HandlerTimeout)(handle), "route 'a': reject=<class 'loafer.exceptions."),
        (lambda app: app.route("a", options=[1])(handle), "route 'a': options=[1] cannot be; give a mapping such as"),
        (lambda app: app.route("a", when=body("a"))(handle), "route 'a-handle': when: body('a') alone is no condition"),
        (lambda app: app.batch("a", size=0)(many), "route 'a': size=0 cannot be; give 1 message or more"),
        (lambda app: app.batch("a", size=1, wait=-1)(many), "route 'a': wait=-1 cannot be; give 0 seconds or more"),
        (
            lambda app: app.batch("a", size=1, wait=50000)(many),
            "route 'a': wait=50000 cannot be; give 0 seconds or more",
        ),
        (lambda app: app.batch("a.fifo", size=1)(many), "route 'a.fifo': a batch of a FIFO queue is not possible yet"),
    ],
)
def test_a_route_that_cannot_be_is_told_with_its_line(register: Callable[[Any], object], said: str) -> None:
    [mistake] = mistakes(register)
    assert mistake.startswith(said)


def test_all_mistakes_are_told_at_once_and_each_has_its_line() -> None:
    app = Loafer()
    app.route("a", max_jobs=0, weight=-1)(handle)
    app.route("b", rate=0)(handle)
    found = app.mistakes()
    assert len(found) == 3
    assert all(mistake.startswith(f"{Line(__file__, 0)}".rsplit(":", 1)[0]) for mistake in found)


def test_two_routes_of_one_name_are_a_mistake_that_names_both() -> None:
    app = Loafer()
    app.route("shop.orders")(handle)
    app.route("shop-orders")(handle)
    [mistake] = app.mistakes()
    assert "route 'shop-orders': 'shop.orders' (" in mistake
    assert mistake.endswith(") has the same name in variables; give name=")


def test_a_condition_that_can_never_be_reached_names_the_routes_before_it() -> None:
    app = Loafer()
    app.route("events", name="all", when=attribute("kind").present)(handle)
    app.route("events", name="a", when=attribute("kind") == "a")(handle)
    app.route("events", name="no", when=(attribute("kind") == "a") & (attribute("kind") == "b"))(handle)
    app.route("others", name="b", when=attribute("kind") == "a")(handle)
    of_a, of_none = app.mistakes()
    assert "route 'a': its `when` can never be reached: its messages are taken before, by 'all' (" in of_a
    assert of_none.endswith("route 'no': its `when` can never be reached: no message is like that")


def test_a_condition_that_several_before_it_leave_nothing_to_names_each_of_them() -> None:
    app, kind = Loafer(), attribute("kind")
    app.route("events", name="a", when=kind == "a")(handle)
    app.route("events", name="b", when=kind == "b")(handle)
    app.route("events", name="both", when=kind.isin({"a", "b"}))(handle)
    [mistake] = app.mistakes()
    of_a, of_b = (registered.line for registered in app.routes()[:2])
    assert mistake.endswith(f"its messages are taken before, by 'a' ({of_a}) and 'b' ({of_b})")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda app: app.route("a", max_job=3),
            "route() got an unexpected keyword argument 'max_job'; did you mean max_j",
        ),
        (lambda app: app.route(handle), 'route() takes the name of a queue: write @app.route("orders"), with parenthe'),
        (lambda app: app.batch("a", size=1, waits=3), "batch() got an unexpected keyword argument 'waits'"),
        (
            lambda app: type(app)(max_job=3),
            "Loafer() got an unexpected keyword argument 'max_job'; did you mean max_jobs?",
        ),
    ],
)
def test_what_is_no_option_is_refused_at_once(call: Callable[[Any], object], said: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(Loafer())
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("given", [{"queue": 5}, {"topic": 5}, *({"queue": "a", name: 5} for name in AWS_PLACE)])
def test_a_publisher_is_named_by_strings(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=rf"^publisher\({[*given][-1]}=5\): give a string$"):
        Loafer().publisher(**given)


def test_a_lifespan_takes_nothing() -> None:
    for lifespan, said in ((lambda app: app, "takes no argument, and this one does: (app)"), (5, "cannot be called")):
        [mistake] = Loafer(lifespan=lifespan).mistakes()  # type: ignore[arg-type]
        assert said in mistake
    assert Loafer(lifespan=lambda: None).mistakes() == []  # type: ignore[arg-type,return-value]


async def undecorated() -> AsyncIterator[None]:
    yield


def at_once() -> Iterator[None]:
    yield


async def connect() -> None: ...


class Managed:
    async def __aenter__(self) -> int: ...  # type: ignore[empty-body]
    async def __aexit__(self, *error: object) -> None: ...


@pytest.mark.parametrize(
    ("lifespan", "what"),
    [
        (undecorated, "an async generator; decorate it with contextlib.asynccontextmanager"),
        (connect, "a coroutine function; "),
        (contextmanager(at_once), "no asynchronous context manager; "),
        (nullcontext, None),
        (int, "no asynchronous context manager; "),
        (asynccontextmanager(undecorated), None),
        (Managed, None),
        (lambda: Managed(), None),  # noqa: PLW0108
    ],
)
def test_a_lifespan_without_its_decorator_is_told_what_it_lacks(lifespan: Any, what: str | None) -> None:
    mistakes = Loafer(lifespan=lifespan).mistakes()
    assert mistakes == [] if what is None else what in mistakes[0]


def test_an_application_is_not_run_where_a_loop_runs_or_no_signal_is_heard() -> None:
    async def within() -> None:
        Loafer().run()

    with pytest.raises(RuntimeError, match=r"one runs here already; use `async with app\.running\(\)`"):
        asyncio.run(within())
    with ThreadPoolExecutor() as pool, pytest.raises(RuntimeError, match=r"which only the main thread can; use `async"):
        pool.submit(Loafer().run).result()


def test_an_application_keeps_what_it_was_given() -> None:
    line = here(1)
    app = Loafer(max_jobs=50, retry=Retry(delay=5))
    assert (app.settings, app.lifespan, app.line) == ({"max_jobs": 50, "retry": Retry(delay=5)}, None, line)
    app.takes(None)
