"""What configuration says of routes: before their code, and of routes that no code has."""

import logging
from pathlib import Path
from typing import Any

import pytest

from loafer import Item, Loafer, Retry
from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.pool import ThreadPool
from loafer.application.route import Route
from loafer.entrypoints.settings.layers import environment_layer
from loafer.entrypoints.settings.load import load_settings
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.settings.toml import read_loafer_toml
from loafer.entrypoints.wiring.apart import routes_apart
from loafer.entrypoints.wiring.applications import chosen_settings, settings_with, settings_without
from loafer.entrypoints.wiring.configured import configured, polling_briefly
from loafer.entrypoints.wiring.routes import Wiring

here = Path(__file__).name
HANDLER = f"{__name__}.other"


async def handle(content: Any) -> None: ...
async def other(content: Any) -> None: ...
async def many(batch: list[Item[Any]]) -> None: ...


def settings_of(toml: str = "", /, **variables: str) -> tuple[Settings, Mistakes]:
    said = read_loafer_toml("loafer.toml", toml)
    mistakes = Mistakes([*said.mistakes])
    layers = [environment_layer({f"LOAFER_{key}": value for key, value in variables.items()}), said.layer]
    return load_settings(layers, mistakes, source_required=False, tables=said.tables), mistakes


def wired(app: Loafer[Any], toml: str = "", /, **variables: str) -> tuple[dict[str, Route], list[str]]:
    settings, mistakes = settings_of(toml, **variables)
    application, settings = configured(app, settings, mistakes)
    assert configured(application, settings, mistakes) == (application, settings)
    settings = settings_with(application, settings, mistakes)
    with ThreadPool(1) as pool:
        wiring = Wiring(mistakes, pool, MemoryBroker(), None, settings)
        routes = wiring.routes(chosen_settings(settings), application)
    return {route.name: route for route in routes}, [str(mistake) for mistake in mistakes.found]


@pytest.fixture
def app() -> Loafer[None]:
    app = Loafer()
    app.route("orders", max_jobs=3, retry=Retry(delay=5), rate=7)(handle)
    app.route("invoices.fifo")(handle)
    return app


def test_a_variable_goes_before_the_code_of_the_route_of_that_name(app: Loafer[None]) -> None:
    routes, mistakes = wired(
        app,
        ORDERS_ROUTE_SOURCE="memory://orders-prod",
        ORDERS_ROUTE_MAX_JOBS="7",
        ORDERS_ROUTE_WEIGHT="2",
        ORDERS_ROUTE_RETRY_DELAY="exponential",
        ORDERS_ROUTE_HANDLER_TIMEOUT="9",
        INVOICES_FIFO_CONSUMER_OPTIONS='{"WaitTimeSeconds": 3}',
    )
    assert mistakes == []
    orders, invoices = routes["orders"], routes["invoices.fifo"]
    assert (orders.source, orders.around.route) == ("memory://orders-prod", "orders")
    assert (orders.share.max_jobs, orders.share.weight, orders.share.rate) == (7, 2, 7)
    assert (orders.retry, orders.timeout) == (Retry(first=1, longest=900), 9)
    assert getattr(invoices.consumer(), "wait_time", None) == 3


def test_a_handler_and_a_translator_by_name_go_before_those_of_the_code(app: Loafer[None]) -> None:
    translator = "loafer.aws.message_translator.StringMessageTranslator"
    routes, mistakes = wired(
        app, f"[routes.orders]\nhandler = '{HANDLER}'\nmessage_translator_class = '{translator}'\n"
    )
    assert mistakes == []
    assert routes["orders"].call.handle is other


def test_a_label_is_what_logs_and_contexts_call_a_route(app: Loafer[None]) -> None:
    routes, _ = wired(app, ORDERS_ROUTE_NAME="big orders")
    assert routes["big orders"].around.route == "big orders"


def test_the_default_route_is_one_of_these_names(app: Loafer[None]) -> None:
    variables = {"DEFAULT_ROUTE_MAX_JOBS": "4", "DEFAULT_ROUTE_RETRY_DELAY": "2"}
    routes, mistakes = wired(app, DEFAULT_ROUTE_SOURCE="memory://x", **variables)
    assert mistakes == []
    assert (routes["default"].share.max_jobs, routes["default"].retry) == (4, Retry(delay=2))
    app.route("memory://jobs", name="default")(handle)
    assert wired(app, **variables)[0]["default"].share.max_jobs == 4


def test_a_route_of_configuration_alone_runs_beside_those_in_code(app: Loafer[None]) -> None:
    routes, mistakes = wired(app, f"[routes.mails]\nsource = 'memory://m'\nhandler = '{HANDLER}'\nmax_jobs = 4\n")
    assert (list(routes), mistakes) == (["orders", "invoices.fifo", "mails"], [])
    settings, found = settings_of(MAILS_ROUTE_SOURCE="m", MAILS_ROUTE_HANDLER="x.y", MAILS_ROUTE_MAX_JOBS="4")
    application, settings = configured(app, settings, found)
    assert settings_with(application, settings, found).max_jobs == 3 + 10 + 4


def test_routes_need_no_application_at_all() -> None:
    settings, mistakes = settings_of(
        A_ROUTE_SOURCE="memory://a", A_ROUTE_HANDLER="x.y", B_ROUTE_SOURCE="memory://b", B_ROUTE_HANDLER="x.y"
    )
    apart = settings_without(routes_apart(settings, mistakes))
    assert [route.name for route in apart.routes] == ["a", "b"]
    assert apart.max_jobs == 20
    assert mistakes.found == []


def test_max_jobs_of_the_default_route_alone_is_what_it_was() -> None:
    settings, mistakes = settings_of(DEFAULT_ROUTE_SOURCE="memory://a")
    assert settings_without(routes_apart(settings, mistakes)).max_jobs == 10
    settings, mistakes = settings_of(DEFAULT_ROUTE_SOURCE="memory://a", MAX_JOBS="3", DEFAULT_ROUTE_MAX_JOBS="50")
    assert settings_without(routes_apart(settings, mistakes)).max_jobs == 3


def test_a_table_of_no_route_is_a_mistake_with_its_line_and_the_nearest_name(app: Loafer[None]) -> None:
    assert wired(app, "[routes.order]\nmax_jobs = 3\n")[1] == [
        "loafer.toml line 1: [routes.order] is no route, and has no source and handler; did you mean orders?"
    ]
    assert wired(app, "\n[routes.mails]\nsource = 'm'\n")[1] == [
        "loafer.toml line 2: [routes.mails] is no route, and has no handler"
    ]


def test_a_variable_of_no_route_is_a_warning_with_the_nearest_name(
    app: Loafer[None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert wired(app, ORDER_ROUTE_MAX_JOBS="3", QQQ_ROUTE_SOURCE="x", DEFAULT_ROUTE_HANDLER="x.y")[1] == []
    assert caplog.messages == [
        "LOAFER_ORDER_ROUTE_MAX_JOBS (environment variable) is of no route; did you mean LOAFER_ORDERS_ROUTE_MAX_JOBS?",
        (
            "LOAFER_QQQ_ROUTE_SOURCE (environment variable) is of no route; "
            "a route of its own needs LOAFER_QQQ_ROUTE_HANDLER too"
        ),
    ]


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("ORDERS_ROUTE_HANDLER", "no.such", "there is no module 'no'"),
        ("ORDERS_MESSAGE_TRANSLATOR_CLASS", "no.such", "there is no module 'no'"),
        ("ORDERS_CONSUMER_CLASS", "builtins.dict", "not a consumer"),
        ("ORDERS_CONSUMER_OPTIONS", "{'MaxNumberOfMessages': 11}", "consumer option MaxNumberOfMessages: 11 is not"),
        ("ORDERS_ROUTE_SOURCE", "no queue", "'no queue' is not a queue name"),
        ("ORDERS_ROUTE_MAX_JOBS", "0", "too small; give 1 or more"),
    ],
)
def test_what_is_wrong_with_it_is_told_where_it_was_said(
    app: Loafer[None], variable: str, value: str, complaint: str
) -> None:
    _, [mistake] = wired(app, **{variable: value})
    assert mistake.startswith(f"LOAFER_{variable}={value!r} (environment variable): {complaint}")


def test_what_is_wrong_with_the_code_is_told_with_its_line_though_other_things_are_said_elsewhere() -> None:
    app = Loafer()
    app.route("orders", translator="no.such")(handle)
    _, [mistake] = wired(app, ORDERS_ROUTE_MAX_JOBS="3")
    assert mistake.startswith(f"tests/unit/entrypoints/wiring/{here}:")


def test_routes_that_get_one_source_by_configuration_are_looked_at_as_such(app: Loafer[None]) -> None:
    _, [mistake] = wired(app, INVOICES_FIFO_ROUTE_SOURCE="orders")
    assert "its `when` can never be reached" in mistake


def test_what_no_route_takes_follows_its_source(app: Loafer[None]) -> None:
    app.unmatched("orders", reject=True)
    settings, mistakes = settings_of(ORDERS_ROUTE_SOURCE="memory://elsewhere")
    application, _ = configured(app, settings, mistakes)
    assert application.rejected() == {"memory://elsewhere": True}


def test_a_batch_keeps_its_size_whatever_is_said_of_the_rest() -> None:
    app = Loafer()
    app.batch("memory://clicks", size=50)(many)
    routes, mistakes = wired(app, CLICKS_ROUTE_MAX_JOBS="2")
    assert (routes["clicks"].batch, routes["clicks"].share.max_jobs, mistakes) == (50, 2, [])


def test_a_source_that_is_a_list_is_a_mistake_like_any_other(app: Loafer[None]) -> None:
    several: Any = ["orders", "letters"]
    app.route(several)(handle)
    application, _ = configured(app, *settings_of())
    assert application.rejected() == {}
    assert "source=['orders', 'letters'] cannot be; give a queue's name, URL or ARN" in " ".join(application.mistakes())


def test_what_is_stopped_often_polls_briefly_unless_it_says_how_long() -> None:
    app = Loafer()
    app.route("orders", options={"MaxNumberOfMessages": 3})(handle)
    app.route("invoices", options={"WaitTimeSeconds": 7})(handle)
    app.batch("clicks", size=5)(many)
    settings, mistakes = settings_of()
    application, settings = configured(app, settings, mistakes)
    brief = polling_briefly(application)
    assert configured(brief, settings, mistakes) == (brief, settings)
    assert [route.options for route in brief.routes()] == [
        {"WaitTimeSeconds": 1, "MaxNumberOfMessages": 3},
        {"WaitTimeSeconds": 7},
        {"WaitTimeSeconds": 1},
    ]
    app.route("wrong", options=5)(handle)  # type: ignore[arg-type, unused-ignore]
    assert "options=5 cannot be" in "".join(polling_briefly(app).mistakes())
