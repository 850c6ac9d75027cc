"""The benchmarks' arithmetic and tables; nothing is measured here."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import results
from benchmarks.figures import median_of, percentile, ratio, summaries
from benchmarks.goals import GOALS
from benchmarks.report import PAGE, README, between_markers
from benchmarks.sections import SECTIONS
from benchmarks.tables import COLUMNS, TITLES, goals_table, section_table, table


def measured(**rows: list[float]) -> dict[str, Any]:
    """Return results with one figure, `cpu_us`, over some rounds."""
    made = {
        label.replace("_", " "): summaries([{"cpu_us": value} for value in values]) for label, values in rows.items()
    }
    head = {"date": "2026-01-31", "python": "3.13.0", "versions": {"loafer": "loafer 1.0.0"}, "plan": {"rounds": 3}}
    machine = {"cores": 2, "cpu": "a CPU", "os": "Linux", "arch": "x86_64"}
    return {**head, "machine": machine, "sections": {"throughput": {"rows": made}}}


def test_a_summary_is_the_median_and_what_lies_around_it() -> None:
    assert summaries([{"cpu_us": 3.0}, {"cpu_us": 9.0}, {"cpu_us": 4.0}]) == {
        "cpu_us": {"median": 4.0, "min": 3.0, "max": 9.0, "runs": 3}
    }


def test_a_figure_that_one_round_lacks_is_left_out() -> None:
    assert list(summaries([{"a": 1.0, "b": 1.0}, {"a": 1.0}])) == ["a"]


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (1, 1), (50, 50), (99, 99), (100, 100)])
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(percent: float, value: float) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == value


def test_a_ratio_is_one_of_medians() -> None:
    assert (
        ratio(measured(loafer=[50, 10, 40], fanferro=[80, 80, 1]), "throughput", ("loafer", "fanferro"), "cpu_us")
        == 0.5
    )


def test_a_ratio_to_what_was_not_measured_is_none() -> None:
    assert ratio(measured(loafer=[50]), "throughput", ("loafer", "fanferro"), "cpu_us") is None
    assert median_of(measured(loafer=[50]), "latency", "loafer", "p50_ms") is None


def test_a_table_is_markdown_with_figures_to_the_right() -> None:
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def test_every_section_has_a_title_and_columns() -> None:
    assert list(SECTIONS) == list(TITLES) == list(COLUMNS)


def test_a_section_that_was_not_measured_says_why() -> None:
    found = {"sections": {"processes": {"rows": {}, "notes": ["Not measured: because."]}}}
    assert section_table(found, "processes") == "Not measured: because."


def test_goals_tell_what_was_reached_with_and_without_uvloop() -> None:
    found = measured(loafer=[50], fanferro=[100])
    rows = found["sections"]["throughput"]["rows"]
    rows["loafer, uvloop"] = summaries([{"cpu_us": 40}])
    times = "\N{MULTIPLICATION SIGN}"
    assert f"0.50 {times}; with uvloop 0.40 {times} |" in goals_table(found)


def test_goals_that_were_not_measured_are_left_out() -> None:
    assert goals_table({"sections": {}}).count("\n") == 1
    assert len(GOALS) > 1


def test_the_report_stands_between_the_markers_and_touches_nothing_else() -> None:
    text = "before\n<!-- benchmark -->\nold\n<!-- /benchmark -->\nafter\n"
    once = between_markers(text, "new")
    assert once == "before\n<!-- benchmark -->\n\nnew\n\n<!-- /benchmark -->\nafter\n"
    assert between_markers(once, "new") == once


@pytest.mark.parametrize("text", ["", "<!-- benchmark -->\n<!-- /benchmark -->\n" * 2])
def test_a_page_without_one_pair_of_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pairs of benchmark markers"):
        between_markers(text, "new")


@pytest.mark.parametrize("page", [README, PAGE], ids=lambda page: page.name)
def test_the_documentation_has_a_place_for_the_report(page: Path) -> None:
    assert between_markers(page.read_text(encoding="utf-8"), "new")


def test_sections_of_other_versions_are_dropped_from_the_results(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    results.add(file, {"versions": {"loafer": "1"}}, "latency", {"rows": {}})
    results.add(file, {"versions": {"loafer": "1"}}, "memory", {"rows": {}})
    assert list(results.read(file)["sections"]) == ["latency", "memory"]
    results.add(file, {"versions": {"loafer": "2"}}, "latency", {"rows": {}})
    assert list(results.read(file)["sections"]) == ["latency"]


def test_results_name_neither_this_machine_nor_its_user() -> None:
    assert set(results.machine()) == {"cores", "cpu", "os", "arch"}
