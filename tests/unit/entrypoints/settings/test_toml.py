"""What TOML files say of settings and routes, and what is told of their mistakes: the line, and the nearest name."""

import logging
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.retry import EXPONENTIAL, Retry
from loafer.entrypoints.settings.load import load_settings, unknown_keys
from loafer.entrypoints.settings.mistakes import Given, Mistakes
from loafer.entrypoints.settings.project import read_project_files
from loafer.entrypoints.settings.table import FileSettings, RouteSettings, Settings
from loafer.entrypoints.settings.toml import read_loafer_toml, read_pyproject


def complaints(text: str, name: str = "loafer.toml") -> list[str]:
    read = read_pyproject if name == "pyproject.toml" else read_loafer_toml
    return [str(mistake) for mistake in read(name, text).mistakes]


def loaded(folder: Path, environment: dict[str, str] | None = None) -> Settings:
    mistakes = Mistakes()
    files = read_project_files(folder, FileSettings(), mistakes)
    layer = {key: Given(value, "environment variable") for key, value in (environment or {}).items()}
    settings = load_settings([layer, *files.layers], mistakes, source_required=False, tables=files.tables)
    mistakes.raise_if_any()
    assert unknown_keys(files.layers) == []
    return settings


def routes(folder: Path, environment: dict[str, str] | None = None) -> dict[str, RouteSettings]:
    return {route.name: route for route in loaded(folder, environment).routes}


WHOLE = """
max_jobs = 50
grace_period = 2.5
sns_verify = true
sns_topics = ["arn:aws:sns:sa-east-1:123456789012:a", "arn:aws:sns:sa-east-1:123456789012:b"]
retry_delay = "exponential"

[routes.orders]
source = "orders-prod"
handler = "shop:handle"
message_translator_class = "shop.Translator"
consumer_class = "shop.Consumer"
max_jobs = 7
weight = 2
retry_delay = 5
handler_timeout = 1.5

[routes.orders.consumer_options]
WaitTimeSeconds = 1
"""


def test_a_file_says_settings_and_routes_in_the_words_of_their_variables(tmp_path: Path) -> None:
    (tmp_path / "loafer.toml").write_text(WHOLE)
    settings = loaded(tmp_path)
    assert (settings.max_jobs, settings.grace_period, settings.sns_verify) == (50, 2.5, True)
    assert len(settings.sns_topics or ()) == 2
    assert settings.retry_delay == EXPONENTIAL
    assert settings.routes[1] == RouteSettings(
        key="ORDERS",
        table="loafer.toml line 8",
        name="orders",
        source="orders-prod",
        handler="shop:handle",
        translator="shop.Translator",
        consumer="shop.Consumer",
        options={"WaitTimeSeconds": 1},
        max_jobs=7,
        weight=2.0,
        retry=Retry(delay=5),
        timeout=1.5,
    )
    assert settings.routes[1].origins["options"] == "loafer.toml line 18"


def test_the_same_may_stand_in_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.loafer.routes.orders]\nsource = "q"\n')
    assert routes(tmp_path)["orders"].origins == {"source": "pyproject.toml line 5"}


def test_the_environment_goes_first_then_env_then_cfg_then_loafer_toml_then_pyproject(tmp_path: Path) -> None:
    said = {"max_jobs": "1", "weight": "2", "source": "'3'", "handler": "'a.b'", "name": "'five'"}

    def lines(*names: str, before: str = "") -> str:
        return "\n".join(f"{before}{name} = {said[name]}" for name in names) + "\n"

    (tmp_path / "pyproject.toml").write_text(
        "[tool.loafer.routes.orders]\n" + lines("max_jobs", "weight", "source", "handler", "name")
    )
    (tmp_path / "loafer.toml").write_text("[routes.orders]\n" + lines("max_jobs", "weight", "source", "handler"))
    cfg = "LOAFER_ORDERS_ROUTE_MAX_JOBS = 1\norders_route_weight = 2\nORDERS_ROUTE_SOURCE = 3\n"
    (tmp_path / "setup.cfg").write_text(f"[loafer]\n{cfg}")
    (tmp_path / ".env").write_text("LOAFER_ORDERS_ROUTE_MAX_JOBS=1\nLOAFER_ORDERS_ROUTE_WEIGHT=2\n")
    route = routes(tmp_path, {"LOAFER_ORDERS_ROUTE_MAX_JOBS": "9"})["five"]
    assert route.max_jobs == 9
    assert route.origins == {
        "max_jobs": "environment variable",
        "weight": ".env line 2",
        "source": "setup.cfg [loafer]",
        "handler": "loafer.toml line 5",
        "name": "pyproject.toml line 6",
    }


def test_a_route_of_variables_alone_is_called_by_them_in_small_letters(tmp_path: Path) -> None:
    environment = {"LOAFER_BIG_ORDERS_ROUTE_SOURCE": "q", "LOAFER_B_ROUTE_SOURCE": "q", "LOAFER_B_ROUTE_NAME": "label"}
    assert sorted(routes(tmp_path, environment)) == ["big_orders", "default", "label"]


WRONG = {
    "max_jobs = '5'": "max_jobs (loafer.toml line 1): a string; give a whole number",
    "max_jobs = 5.0": "max_jobs (loafer.toml line 1): a number; give a whole number",
    "max_jobs = true": "max_jobs (loafer.toml line 1): a truth value; give a whole number",
    "grace_period = '5'": "grace_period (loafer.toml line 1): a string; give a number",
    "sns_verify = 1": "sns_verify (loafer.toml line 1): a whole number; give true or false",
    "sns_topics = [1]": "sns_topics (loafer.toml line 1): an array of something else; give an array of strings",
    "loglevel = 2026-01-31": "loglevel (loafer.toml line 1): a value; give a string",
    "max_job = 5": "max_job (loafer.toml line 1): no setting; did you mean max_jobs?",
    "LOAFER_MAX_JOBS = 5": "LOAFER_MAX_JOBS (loafer.toml line 1): no setting; did you mean max_jobs?",
    "[route.orders]\nmax_jobs = 5": "route (loafer.toml line 1): no setting; did you mean routes?",
    "# all\n[loafer]\nmax_jobs = 5": (
        "loafer (loafer.toml line 2): no setting; leave [loafer] out, for all that stands here is loafer's"
    ),
    "[routes.clicks]\nsize = 50": "routes.clicks.size (loafer.toml line 2): no setting, for code alone says it",
    "qqq = 5": "qqq (loafer.toml line 1): no setting",
    "routes = 5": "routes (loafer.toml line 1): a whole number; write [routes.NAME]",
    "[routes]\n\norders = 5": "routes.orders (loafer.toml line 3): a whole number; write [routes.orders]",
    "[routes.'']": "routes. (loafer.toml line 1): a route without a name; give one",
    "[routes.orders]\n# \nsorce = 'x'": "routes.orders.sorce (loafer.toml line 3): no setting; did you mean source?",
    "[routes]\norders.max_jobs = 'x'": "routes.orders.max_jobs (loafer.toml line 2): a string; give a whole number",
    'routes."a.b" = { weight = "x" }': "routes.a.b.weight (loafer.toml line 1): a string; give a number",
    "[routes.a]\nconsumer_options = '{}'": "routes.a.consumer_options (loafer.toml line 2): a string; give a table",
    "[routes.a]\nconsumer_options = { a = 2026-01-31 }": (
        "routes.a.consumer_options (loafer.toml line 2): a table with a date or a time in it; "
        "give numbers, strings and the like"
    ),
    "[routes.'a.b']\n[routes.a-b]": (
        "routes.a-b (loafer.toml line 2): 'a.b' (loafer.toml line 1) has the same name in variables; give another one"
    ),
    "max_jobs = \n": "loafer.toml (line 1): not readable as TOML (Invalid value); write key = value",
    "max_jobs = 1\nmax_jobs = 2\n": (
        "loafer.toml (line 2): not readable as TOML (Cannot overwrite a value); write key = value"
    ),
    "a = " + "[" * 5000: "loafer.toml (TOML): not readable as TOML; write key = value",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:30])
def test_a_mistake_says_the_line_and_what_would_be_right(text: str) -> None:
    assert complaints(text) == [WRONG[text]]


def test_a_pyproject_that_says_nothing_of_loafer_is_no_business_of_ours() -> None:
    for text in ("", "[tool.other]\nx = 1", "[project]\nname = 'loafer'"):
        said = read_pyproject("pyproject.toml", text)
        assert (said.concerns_us, said.warnings) == (False, ())
    assert complaints("[tool]\nloafer = 5", "pyproject.toml") == [
        "tool.loafer (pyproject.toml line 2): a whole number; give a table"
    ]
    assert complaints("[tool.loafer]\nmax_jobs = '5'", "pyproject.toml")[0].startswith(
        "max_jobs (pyproject.toml line 2)"
    )
    assert complaints("[tool.loafer\n", "pyproject.toml")[0].startswith("pyproject.toml (line 1): not readable")
    assert read_pyproject("pyproject.toml", "[tool.other\n").warnings[0].startswith("skipped: pyproject.toml (line 1)")


def test_only_one_table_of_a_route_counts_where_two_files_have_one(tmp_path: Path) -> None:
    (tmp_path / "loafer.toml").write_text("[routes.'a.b']\n")
    (tmp_path / "pyproject.toml").write_text("[tool.loafer.routes.a-b]\nsource = 'q'\n")
    assert routes(tmp_path)["a.b"].source == "q"


def test_what_the_environment_alone_may_say_does_not_count_in_toml(tmp_path: Path) -> None:
    (tmp_path / "loafer.toml").write_text("trust_project_files = true\n")
    warnings = read_project_files(tmp_path, FileSettings(), Mistakes()).warnings
    assert warnings == ["LOAFER_TRUST_PROJECT_FILES (loafer.toml line 1) counts in the environment alone"]


def test_a_toml_file_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    for name, text in (("loafer.toml", "max_jobs = 3"), ("pyproject.toml", "[tool.loafer]\nmax_jobs = 3")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o666)
    mistakes = Mistakes()
    assert read_project_files(tmp_path, FileSettings(), mistakes).layers == []
    assert [str(mistake).partition(" ")[0] for mistake in mistakes.found] == ["loafer.toml", "pyproject.toml"]
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert read_project_files(tmp_path, FileSettings(), mistakes).warnings == []


def test_the_files_that_were_read_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "loafer.toml").write_text("max_jobs = 3")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    read_project_files(tmp_path, FileSettings(), Mistakes()).tell([])
    assert caplog.messages == ["settings are read from loafer.toml"]


@given(st.text(alphabet="[]{}.='\"# \nab1routes", max_size=40))
def test_no_text_breaks_the_reader_or_a_line_of_its_mistakes(text: str) -> None:
    said = read_loafer_toml("loafer.toml", text)
    assert all(str(mistake).isprintable() for mistake in said.mistakes)
    load_settings([said.layer], Mistakes(), tables=said.tables)


@pytest.mark.parametrize("key", ["a", "'a'", '"."'])
@pytest.mark.parametrize("line", ["{} = 1", "[{}]", "a = {{ {} = 1 }}", "[[{}]]"])
def test_a_key_of_thousands_of_names_takes_no_time_and_no_memory(line: str, key: str) -> None:
    text = line.format(" . ".join([key] * 2_000)) + "\n"
    tracemalloc.start()
    begun = time.process_time()
    try:
        [complaint] = complaints(text)
        assert time.process_time() - begun < 1
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert "nested too deeply" in complaint
    assert complaints(text, "pyproject.toml") == []


def test_a_table_that_is_nested_deeply_otherwise_is_a_mistake_too() -> None:
    text = "1"
    for _ in range(60):
        text = f"{{ {'.'.join('a' * 60)} = {text} }}"
    [complaint] = complaints(f"[routes.orders]\nconsumer_options = {text}\n")
    assert "nested too deeply" in complaint


def test_texts_with_many_dots_are_no_keys() -> None:
    text = f'log_format = "{"." * 200}"\nsns_topics = ["{"a.b/" * 50}"]  # {" . " * 200}\n'
    assert complaints(text) == []
