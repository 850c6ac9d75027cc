import subprocess
import sys

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.retry import EXPONENTIAL, Retry
from loafer.entrypoints.settings.load import load_settings, mistake_in, unknown_keys
from loafer.entrypoints.settings.mistakes import Given, Layer, Mistakes
from loafer.entrypoints.settings.table import KEYS, SETTINGS, RouteSettings, Settings
from loafer.exceptions import ConfigurationError

SOURCE = "LOAFER_DEFAULT_ROUTE_SOURCE"


def layer(origin: str = "environment variable", **values: str) -> Layer:
    return {key: Given(value, origin) for key, value in values.items()}


def loaded(*layers: Layer) -> Settings:
    mistakes = Mistakes()
    settings = load_settings([*layers, layer(**{SOURCE: "orders"})], mistakes)
    mistakes.raise_if_any()
    return settings


def complaints(*layers: Layer) -> list[str]:
    mistakes = Mistakes()
    load_settings(layers, mistakes)
    return [str(mistake) for mistake in mistakes.found]


def test_the_defaults_are_those_of_the_documentation() -> None:
    assert loaded() == Settings(
        log_format="%(asctime)s - %(name)s - %(levelname)s - %(message)s",
        log_level="WARNING",
        max_jobs=10,
        max_threads=None,
        processes=1,
        routes=(
            RouteSettings(
                name="default",
                source="orders",
                handler="loafer.example.jobs.async_example_job",
                translator="loafer.aws.message_translator.SQSMessageTranslator",
                consumer="loafer.aws.consumer.Consumer",
                options={"WaitTimeSeconds": 5, "MaxNumberOfMessages": 5},
            ),
        ),
        prefetch=None,
        grace_period=20.0,
        poll_grace=5.0,
        retry_delay=Retry(),
        handler_timeout=None,
        stall_limit=900.0,
        tracebacks="full",
    )


def test_settings_made_by_a_program_have_the_same_defaults() -> None:
    assert attrs.evolve(Settings(), routes=(RouteSettings(source="orders"),)) == loaded()


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("LOAFER_LOGLEVEL", "debug", "log_level", "DEBUG"),
        ("LOAFER_LOG_FORMAT", "%(message)s", "log_format", "%(message)s"),
        ("LOAFER_LOG_FORMAT", "JSON", "log_format", "json"),
        ("LOAFER_TRACEBACKS", "Frames", "tracebacks", "frames"),
        ("LOAFER_MAX_JOBS", "3", "max_jobs", 3),
        ("LOAFER_MAX_THREAD_POOL", "4", "max_threads", 4),
        ("LOAFER_PROCESSES", "2", "processes", 2),
        ("LOAFER_PREFETCH", "1", "prefetch", 1),
        ("LOAFER_GRACE_PERIOD", "0", "grace_period", 0.0),
        ("LOAFER_POLL_GRACE", "20", "poll_grace", 20.0),
        ("LOAFER_RETRY_DELAY", "exponential", "retry_delay", EXPONENTIAL),
        ("LOAFER_HANDLER_TIMEOUT", "2.5", "handler_timeout", 2.5),
        ("LOAFER_STALL_LIMIT", "60", "stall_limit", 60.0),
        ("LOAFER_SQS_TRANSPORT", "AIOBOTOCORE", "sqs_transport", "aiobotocore"),
        ("LOAFER_SQS_TRANSPORT", " ", "sqs_transport", "lean"),
    ],
)
def test_a_key_sets_its_field(key: str, value: str, field: str, expected: object) -> None:
    assert getattr(loaded(layer(**{key: value})), field) == expected


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        (SOURCE, "memory://jobs", "source", "memory://jobs"),
        ("LOAFER_DEFAULT_ROUTE_NAME", "main", "name", "main"),
        ("LOAFER_DEFAULT_ROUTE_HANDLER", "jobs.run", "handler", "jobs.run"),
        ("LOAFER_DEFAULT_MESSAGE_TRANSLATOR_CLASS", "jobs.T", "translator", "jobs.T"),
        ("LOAFER_DEFAULT_CONSUMER_CLASS", "jobs.C", "consumer", "jobs.C"),
        ("LOAFER_DEFAULT_CONSUMER_OPTIONS", "{'VisibilityTimeout': 9}", "options", {"VisibilityTimeout": 9}),
    ],
)
def test_a_key_sets_a_field_of_the_default_route(key: str, value: str, field: str, expected: object) -> None:
    (route,) = loaded(layer(**{key: value})).routes
    assert getattr(route, field) == expected


@given(st.lists(st.none() | st.integers(1, 10**6), max_size=5))
def test_the_first_layer_that_has_a_key_wins(numbers: list[int | None]) -> None:
    layers = [layer(f"layer {n}", LOAFER_MAX_JOBS=str(n)) if n else layer() for n in numbers]
    settings = loaded(*layers)
    first = next((n for n in numbers if n), None)
    assert settings.max_jobs == (first or 10)
    assert settings.origins.get("max_jobs") == (f"layer {first}" if first else None)


@given(st.text().filter(lambda text: not text.strip().lstrip("+-").isdigit()))
def test_what_is_no_number_of_jobs_is_a_mistake_that_names_the_key(value: str) -> None:
    (complaint,) = complaints(layer(**{SOURCE: "q"}), layer(LOAFER_MAX_JOBS=value))
    assert complaint.startswith("LOAFER_MAX_JOBS=")
    assert complaint.endswith("(environment variable): not a whole number; give 1 or more")


def test_every_mistake_is_found_in_one_go() -> None:
    found = complaints(layer(LOAFER_MAX_JOBS="0"), layer(".env line 2", LOAFER_DEFAULT_CONSUMER_OPTIONS="[]"))
    source = (
        "LOAFER_DEFAULT_ROUTE_SOURCE (set nowhere): no source; set it to a queue's name, URL or ARN, or give --source; "
    )
    assert found == [
        "LOAFER_DEFAULT_CONSUMER_OPTIONS='[]' (.env line 2): not a mapping; give one such as {'WaitTimeSeconds': 5}",
        source + "an application in code is run with: loafer run MODULE:APP",
        "LOAFER_MAX_JOBS='0' (environment variable): too small; give 1 or more",
    ]


def test_a_value_that_is_overridden_is_not_looked_at() -> None:
    assert loaded(layer(LOAFER_MAX_JOBS="3"), layer(LOAFER_MAX_JOBS="ten")).max_jobs == 3


def test_in_place_of_a_mistaken_value_stands_the_default() -> None:
    mistakes = Mistakes()
    assert load_settings([layer(LOAFER_MAX_JOBS="ten")], mistakes).max_jobs == 10


def test_an_empty_source_is_one_mistake() -> None:
    (complaint,) = complaints(layer(**{SOURCE: ""}))
    assert complaint == f"{SOURCE}='' (environment variable): empty; give a queue's name, URL or ARN"


def test_a_source_may_be_missing_where_none_is_needed() -> None:
    mistakes = Mistakes()
    (route,) = load_settings([], mistakes, source_required=False).routes
    mistakes.raise_if_any()
    assert route.source == ""


def test_a_later_mistake_names_key_value_and_origin() -> None:
    settings = loaded(layer("option --handler", LOAFER_DEFAULT_ROUTE_HANDLER="jobs.rnu"))
    mistake = mistake_in(settings.routes[0], "handler", "there is no 'rnu' in jobs; did you mean run?")
    assert str(mistake) == (
        "LOAFER_DEFAULT_ROUTE_HANDLER='jobs.rnu' (option --handler): there is no 'rnu' in jobs; did you mean run?"
    )
    assert mistake_in(settings, "max_jobs", "too many").origin == "default"


def test_an_unknown_key_is_told_with_the_nearest_known_one() -> None:
    assert unknown_keys([layer(LOAFER_MAX_JOBS="1"), layer(".env line 3", LOAFER_MAX_JOB="1", LOAFER_ZZZZZZ="")]) == [
        "LOAFER_MAX_JOB (.env line 3) is no setting; did you mean LOAFER_MAX_JOBS?",
        "LOAFER_ZZZZZZ (.env line 3) is no setting",
    ]


def test_of_an_unknown_key_of_a_route_the_nearest_is_that_routes_own() -> None:
    assert unknown_keys([layer(LOAFER_ORDERS_ROUTE_MAX_JOB="3", LOAFER_BIG_CONSUMER_OPTION="{}")]) == [
        "LOAFER_ORDERS_ROUTE_MAX_JOB (environment variable) is no setting; did you mean LOAFER_ORDERS_ROUTE_MAX_JOBS?",
        "LOAFER_BIG_CONSUMER_OPTION (environment variable) is no setting; did you mean LOAFER_BIG_CONSUMER_OPTIONS?",
    ]


def test_the_table_has_every_key_once_with_a_meaning_and_a_default_that_parses() -> None:
    assert len(set(KEYS)) == len(SETTINGS)
    for setting in SETTINGS:
        assert setting.meaning.endswith(".")
        assert setting.default is None or setting.parse(setting.default) is not NotImplemented


def test_a_mistake_is_raised_as_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="LOAFER_GRACE_PERIOD='nan'"):
        loaded(layer(LOAFER_GRACE_PERIOD="nan"))


def test_settings_import_nothing_heavy() -> None:
    heavy = "{'aiobotocore', 'botocore', 'asyncio', 'dependency_injector'}"
    program = f"import sys, loafer.entrypoints.settings.table; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
