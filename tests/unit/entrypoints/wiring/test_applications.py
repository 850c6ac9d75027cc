"""From an application in code to routes: what its code says, what is wrong with it, and where."""

import itertools
import sys
import types
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from loafer import Context, InvalidContent, Item, Loafer, Retry, Router
from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.pool import ThreadPool
from loafer.application.route import BatchCall, Route
from loafer.domain.share import Share
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.wiring.applications import check_only, load_application, name_of, settings_with
from loafer.entrypoints.wiring.configured import configured
from loafer.entrypoints.wiring.routes import Wiring

numbers = itertools.count()
here = Path(__file__).name


async def handle(content: Any) -> None: ...
async def many(batch: list[Item[int]], context: Context) -> None: ...


@asynccontextmanager
async def lifespan() -> AsyncIterator[int]:
    yield 1


def wired(app: Loafer[Any], **settings: Any) -> tuple[list[Route], list[str]]:
    mistakes = Mistakes()
    with ThreadPool(1) as pool:
        routes = Wiring(mistakes, pool, MemoryBroker(), None, Settings(**settings)).routes((), app)
    return routes, [str(mistake) for mistake in mistakes.found]


def told(act: Callable[[Mistakes], object]) -> list[str]:
    mistakes = Mistakes()
    act(mistakes)
    return [str(mistake) for mistake in mistakes.found]


def test_what_a_route_is_given_in_code_is_what_it_runs_with() -> None:
    app = Loafer()
    limits: dict[str, Any] = {"max_jobs": 3, "weight": 2, "rate": 50, "burst": 5, "prefetch": 7}
    app.route("orders", retry=Retry(delay=5), timeout=60, reject=InvalidContent, **limits)(handle)
    ([route], mistakes) = wired(app)
    assert mistakes == []
    assert (route.name, route.source, route.around.route) == ("orders", "orders", "orders")
    assert route.share == Share(**limits)
    assert (route.retry, route.timeout, route.reject) == (Retry(delay=5), 60, (InvalidContent,))


def test_a_route_polls_for_twenty_seconds_and_ten_messages_unless_told_otherwise() -> None:
    app = Loafer()
    app.route("orders")(handle)
    app.route("quick", options={"WaitTimeSeconds": 1})(handle)
    consumers = [route.consumer() for route in wired(app)[0]]
    assert [(consumer.wait_time, consumer.batch_size) for consumer in consumers] == [(20, 10), (1, 10)]


def test_a_route_may_have_a_region_an_endpoint_and_a_profile_of_its_own() -> None:
    app = Loafer()
    app.route("orders", region="eu-west-1", endpoint="http://localhost:1", profile="shop")(handle)
    consumer = wired(app)[0][0].consumer()
    assert isinstance(consumer, SQSConsumer)
    assert (consumer.region, consumer.endpoint, consumer.profile) == ("eu-west-1", "http://localhost:1", "shop")


def test_a_batch_is_called_with_as_many_as_it_asks_for() -> None:
    app = Loafer()
    app.batch("clicks", size=500, wait=2)(many)
    ([route], mistakes) = wired(app)
    assert mistakes == []
    assert isinstance(route.call, BatchCall)
    assert (route.call.size, route.call.wait, route.call.contextual) == (500, 2, True)


def test_only_the_routes_that_are_named_run() -> None:
    app = Loafer()
    app.route("orders")(handle)
    app.route("mails", name="post")(handle)
    assert [route.name for route in wired(app, only=("post",))[0]] == ["post"]


class TakesNothing(SQSConsumer):
    def __init__(self, source: str, options: Any) -> None:
        raise KeyError(source)


WRONG: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("orders", {"max_jobs": 0}, "max_jobs=0 cannot be; give 1 or more"),
    ("no queue", {}, "source: 'no queue' is not a queue name, a queue URL or a queue ARN"),
    ("orders", {"options": {"MaxNumberOfMessages": 11}}, "MaxNumberOfMessages: 11 is not a whole number from 1 to 10"),
    ("orders", {"translator": "no.such"}, "translator='no.such': there is no module 'no'"),
    ("orders", {"consumer": "no.such"}, "consumer='no.such': there is no module 'no'"),
    ("orders", {"consumer": dict}, "not a consumer; name a subclass"),
    ("orders", {"consumer": TakesNothing}, "its consumer: creating it raised KeyError"),
    ("orders", {"consumer": TakesNothing, "region": "x"}, "region='x': TakesNothing takes no region"),
    ("arn:aws:sqs:sa-east-1:1:orders", {"region": "eu-west-1"}, "it is in region 'sa-east-1', and region='eu-west-1'"),
)


@pytest.mark.parametrize(("source", "options", "complaint"), WRONG)
def test_what_is_wrong_with_a_route_is_told_with_its_line(source: str, options: Any, complaint: str) -> None:
    app = Loafer()
    app.route(source, **options)(handle)
    routes, [mistake] = wired(app)
    assert routes == []
    assert f"{here}:" in mistake
    assert f"route {app.routes()[0].name!r}: " in mistake
    assert complaint in mistake


def test_all_mistakes_of_all_routes_are_told_at_once() -> None:
    async def of_three(content: Any, one: Any, two: Any) -> None: ...

    of_one: Any = lambda of: lifespan()  # noqa: E731 - a lifespan that takes an argument
    app = Loafer(lifespan=of_one)
    app.route("orders", weight=-1)(handle)
    app.route("mails")(of_three)
    app.batch("clicks.fifo", size=0)(many)
    routes, mistakes = wired(app)
    assert routes == []
    assert len(mistakes) == 5
    assert [mistake for mistake in mistakes if f"{here}:" not in mistake] == []
    assert "handler of_three: there is nothing to give to its parameter 'one'" in mistakes[-1]


def test_memory_is_refused_where_each_process_would_have_its_own() -> None:
    app = Loafer()
    app.route("memory://orders")(handle)
    assert wired(app)[1] == []
    [mistake] = wired(app, processes=2)[1]
    assert "2 processes would each have a queue of their own; give one process, or a queue on SQS" in mistake


def test_max_jobs_is_the_sum_of_the_routes_own_and_ten_for_each_that_says_nothing() -> None:
    app = Loafer()
    app.route("orders", max_jobs=3)(handle)
    app.route("mails")(handle)
    default = (RouteSettings(source="memory://x"),)
    assert settings_with(app, Settings(), Mistakes()).max_jobs == 13
    assert settings_with(app, Settings(routes=default), Mistakes()).max_jobs == 23
    assert settings_with(app, Settings(only=("orders",), routes=default), Mistakes()).max_jobs == 3
    assert settings_with(app, Settings(max_jobs=5, origins={"max_jobs": "option"}), Mistakes()).max_jobs == 5


def test_the_settings_of_the_code_stand_unless_something_from_outside_says_otherwise() -> None:
    app = Loafer(max_jobs=4, retry=Retry(delay=3), handler_timeout=2.5, grace_period=1)
    found = settings_with(app, Settings(grace_period=7, origins={"grace_period": "option"}), Mistakes())
    assert (found.max_jobs, found.retry_delay, found.handler_timeout) == (4, Retry(delay=3), 2.5)
    assert found.grace_period == 7


def test_delays_and_attempts_are_said_apart_by_route_application_and_settings() -> None:
    app = Loafer(retry=Retry(delay=3, dead_letter_after=5))
    for name, retry in (("a", Retry(dead_letter_after=2)), ("b", Retry(delay=1)), ("c", Retry())):
        app.route(name, retry=retry)(handle)
    app.route("d")(handle)
    settings = settings_with(app, Settings(), Mistakes())
    found = {route.name: route.retry for route in wired(app, retry_delay=settings.retry_delay)[0]}
    assert found == {
        "a": Retry(delay=3, dead_letter_after=2),
        "b": Retry(delay=1, dead_letter_after=5),
        "c": Retry(),
        "d": None,
    }
    elsewhere = Settings(retry_delay=Retry(delay=30), origins={"retry_delay": "environment"})
    assert settings_with(app, elsewhere, Mistakes()).retry_delay == Retry(delay=30, dead_letter_after=5)


@pytest.mark.parametrize(("said", "retry"), [(Retry(delay=9), Retry(delay=9, dead_letter_after=2)), (None, None)])
def test_a_variable_changes_a_routes_delays_and_not_when_it_gives_up(said: Retry | None, retry: Retry | None) -> None:
    app = Loafer()
    app.route("orders", retry=Retry(delay=1, dead_letter_after=2))(handle)
    elsewhere = RouteSettings(name="orders", key="ORDERS", source="", retry=said, origins={"retry": "environment"})
    changed, _ = configured(app, Settings(routes=(elsewhere,)), Mistakes())
    assert changed.routes()[0].retry == (retry or Retry(dead_letter_after=2))


def test_a_route_may_be_given_a_limit_of_attempts_and_knows_its_line() -> None:
    app = Loafer(retry=Retry(dead_letter_after=5))
    app.route("orders", retry=Retry(dead_letter_after=3))(handle)
    ([route], mistakes) = wired(app)
    assert mistakes == []
    assert route.retry == Retry(dead_letter_after=3)
    assert route.origin.endswith("route 'orders'")
    assert f"{here}:" in route.origin
    assert settings_with(app, Settings(), Mistakes()).retry_delay == Retry(dead_letter_after=5)


def test_what_is_wrong_with_the_settings_of_the_code_is_told_with_its_line() -> None:
    wrong: Any = 5
    app = Loafer(max_jobs=0, retry=wrong)
    first, second = told(lambda mistakes: settings_with(app, Settings(), mistakes))
    assert first.endswith("Loafer(max_jobs=0): too small; give 1 or more")
    assert second.endswith("Loafer(retry=5): not a Retry; give one such as Retry(delay=5)")
    assert f"{here}:" in first


@pytest.mark.parametrize("name", ["order", "ORDERS", "x"])
def test_a_name_that_no_route_has_is_told_with_the_nearest_one(name: str) -> None:
    app = Loafer()
    app.route("orders")(handle)
    settings = Settings(application="shop:app", only=(name,))
    [mistake] = told(lambda mistakes: check_only(app, settings, mistakes))
    assert mistake == f"--only {name}: shop:app has no route of this name; did you mean orders?"


def test_an_application_without_routes_is_a_mistake() -> None:
    [mistake] = told(lambda mistakes: check_only(Loafer(), Settings(application="shop:app"), mistakes))
    assert mistake.endswith("shop:app has no routes; register one with @app.route(…)")


MODULE = """
from loafer import Loafer, Retry, Router
app = Loafer()
router = Router()
number = 1
def wrong():
    return Retry(first=-1)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = f"application_{next(numbers)}"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / f"{name}_broken.py").write_text(f"import {name}\n\n{name}.wrong()\n", encoding="utf-8")
    return name


@pytest.mark.parametrize("between", [".", ":"])
def test_an_application_is_found_by_its_name(module: str, between: str) -> None:
    mistakes = Mistakes()
    assert isinstance(load_application(f"{module}{between}app", mistakes), Loafer)
    assert mistakes.found == []


NO_APPLICATION = {
    "{}:nothing": "there is no 'nothing' in {}",
    "{}:number": "'int' is no application; name an instance of Loafer, such as app = Loafer()",
    "{}:Loafer": "class Loafer is no application; name an instance of Loafer",
    "{}:router": "a Router is no application; include it in a Loafer, app.include(router), and name that",
    "{}.py": "it is the name of a file; give the module's, and what is in it: {}:NAME",
    "./{}.py:app": "it is the name of a file; give the module's, and what is in it: {}:app",
    "{}": "it names no application; give a module and a name, such as {}:app",
    "{}:": "it names no application; give a module and a name, such as {}:app",
    "nowhere_at_all:app": "there is no module 'nowhere_at_all'",
    "{}_broken:app": "{}.py:7: Retry(first=-1) cannot be; give 0 to 43200 seconds",
}


@pytest.mark.parametrize("named", NO_APPLICATION)
def test_what_is_no_application_is_told_with_what_would_be_one(module: str, named: str) -> None:
    mistakes = Mistakes()
    assert load_application(named.format(module), mistakes) is None
    [mistake] = mistakes.found
    assert str(mistake).startswith(f"{named.format(module)}: ")
    assert NO_APPLICATION[named].format(module) in str(mistake)


@pytest.mark.parametrize(("named", "said"), [("", "''"), (":web", ":web")])
def test_a_name_without_a_module_is_told_with_one_that_has_it(named: str, said: str) -> None:
    mistakes = Mistakes()
    assert load_application(named, mistakes) is None
    right = "shop:web" if named else "shop:app"
    assert mistakes.found == [f"{said}: it names no application; give a module and a name, such as {right}"]


def test_a_router_in_an_application_gives_it_its_routes() -> None:
    app, router = Loafer(), Router()
    router.route("orders")(handle)
    app.include(router)
    assert [route.name for route in wired(app)[0]] == ["orders"]


def test_an_application_has_the_name_under_which_a_module_has_it(module: str) -> None:
    found = load_application(f"{module}:app", Mistakes())
    assert found is not None
    assert name_of(found) == f"{module}:app"
    assert name_of(Loafer()) is None


def test_an_application_of_the_main_module_has_the_name_by_which_others_import_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main, app = types.ModuleType("__main__"), Loafer()
    main.__file__ = "/somewhere/shop.py"
    main.app = app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert name_of(app) == "shop:app"
    main.__spec__ = ModuleSpec("my.shop", None)
    assert name_of(app) == "my.shop:app"
