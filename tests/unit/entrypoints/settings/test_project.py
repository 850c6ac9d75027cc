import logging
from pathlib import Path

import pytest

from loafer.entrypoints.settings.mistakes import Given, Mistakes
from loafer.entrypoints.settings.project import ProjectFiles, project_folder, read_project_files
from loafer.entrypoints.settings.table import FileSettings

DEFAULTS = FileSettings()
NAME = "loafer.entrypoints.settings.project"
JOBS = "LOAFER_MAX_JOBS"


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(directory: Path, settings: FileSettings = DEFAULTS) -> ProjectFiles:
    mistakes = Mistakes()
    files = read_project_files(directory, settings, mistakes)
    mistakes.raise_if_any()
    return files


def complaints(directory: Path) -> list[str]:
    mistakes = Mistakes()
    read_project_files(directory, DEFAULTS, mistakes)
    return [str(mistake) for mistake in mistakes.found]


def first(files: ProjectFiles, key: str) -> Given | None:
    return next((layer[key] for layer in files.layers if key in layer), None)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path / "pyproject.toml")
    return tmp_path


def test_an_env_file_says_the_line_of_each_value(project: Path) -> None:
    write(project / ".env", "# settings", "", "export LOAFER_MAX_JOBS=3 # few", "LOAFER_PREFETCH='4'")
    files = read(project)
    assert first(files, JOBS) == Given("3", ".env line 3")
    assert first(files, "LOAFER_PREFETCH") == Given("4", ".env line 4")


def test_nothing_in_an_env_file_is_expanded(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    write(project / ".env", "LOAFER_DEFAULT_ROUTE_SOURCE=${SECRET}$(date)`date`")
    assert first(read(project), "LOAFER_DEFAULT_ROUTE_SOURCE") == Given("${SECRET}$(date)`date`", ".env line 1")


@pytest.mark.parametrize("section", ["settings", "loafer"])
@pytest.mark.parametrize("key", [JOBS, JOBS.lower(), "Loafer_Max_Jobs"])
def test_a_cfg_file_has_its_keys_in_any_case_in_either_section(project: Path, section: str, key: str) -> None:
    write(project / "loafer.cfg", f"[{section}]", f"{key} = 3")
    assert first(read(project), JOBS) == Given("3", f"loafer.cfg [{section}]")


def test_the_loafer_section_needs_no_prefix(project: Path) -> None:
    write(project / "setup.cfg", "[loafer]", "max_jobs = 3", "[settings]", "prefetch = 4")
    files = read(project)
    assert first(files, JOBS) == Given("3", "setup.cfg [loafer]")
    assert first(files, "LOAFER_PREFETCH") is None


def test_percent_signs_in_a_cfg_file_are_left_alone(project: Path) -> None:
    write(project / "a.cfg", "[settings]", "LOAFER_LOG_FORMAT = %(levelname)s %(message)s")
    assert first(read(project), "LOAFER_LOG_FORMAT") == Given("%(levelname)s %(message)s", "a.cfg [settings]")


def test_other_sections_are_not_looked_at(project: Path) -> None:
    write(
        project / "a.cfg", "[DEFAULT]", "LOAFER_MAX_JOBS = 1", "[loafer]", "prefetch = 2", "[x]", "LOAFER_MAX_JOBS = 3"
    )
    assert first(read(project), JOBS) is None


def test_a_foreign_cfg_file_that_does_not_parse_is_skipped_with_a_warning(project: Path) -> None:
    write(project / "other.cfg", "[section]", "key = value", "<<< no INI >>>")
    files = read(project)
    assert files.layers == []
    assert files.warnings == ["skipped: other.cfg (line 3): not readable; write KEY = value under [loafer]"]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["max_jobs = 3", "[loafer]"], "a.cfg (line 1): not readable; write KEY = value under [loafer]"),
        (["[loafer]", "max_jobs"], "a.cfg (line 2): not readable; write KEY = value under [loafer]"),
        (["[loafer]", "max_jobs = 1", "max_jobs = 2"], "a.cfg (line 3): given twice; keep one of the two"),
        (["[loafer]", "[x]", "[loafer]"], "a.cfg (line 3): given twice; keep one of the two"),
    ],
)
def test_a_cfg_file_of_ours_that_does_not_parse_is_a_mistake(project: Path, lines: list[str], complaint: str) -> None:
    write(project / "a.cfg", *lines)
    assert complaints(project) == [complaint]


@pytest.mark.parametrize("line", ["LOAFER_MAX_JOBS='3", "LOAFER_MAX_JOBS"])
def test_an_env_line_of_ours_that_does_not_parse_is_a_mistake(project: Path, line: str) -> None:
    write(project / ".env", "A=1", "", line)
    assert complaints(project) == [".env (line 3): not readable; write NAME=value, and close every quote"]


def test_a_foreign_env_line_that_does_not_parse_is_skipped_without_showing_it(project: Path) -> None:
    write(project / ".env", "PASSWORD='s3cret", "LOAFER_MAX_JOBS=3")
    files = read(project)
    assert first(files, JOBS) == Given("3", ".env line 2")
    assert files.warnings == ["skipped: .env (line 1): not readable; write NAME=value, and close every quote"]


def test_a_file_that_is_no_text_is_skipped_with_a_warning(project: Path) -> None:
    (project / ".env").write_bytes(b"\xff\xfe\x00")
    (project / "folder.cfg").mkdir()
    files = read(project)
    assert files.layers == []
    assert files.warnings == [".env is skipped, it cannot be read: UnicodeDecodeError"]


def test_a_loafer_toml_that_is_no_text_is_a_mistake(project: Path) -> None:
    (project / "loafer.toml").write_bytes("max_jobs = 3".encode("utf-16"))
    assert complaints(project) == [
        "loafer.toml (project file): it cannot be read: no text in UTF-8; save it as that",
    ]


def test_an_env_file_may_start_with_a_byte_order_mark(project: Path) -> None:
    (project / ".env").write_bytes(b"\xef\xbb\xbfLOAFER_MAX_JOBS=3")
    assert first(read(project), JOBS) == Given("3", ".env line 1")


def test_a_virtual_environment_called_env_is_no_env_file(project: Path) -> None:
    (project / ".env").mkdir()
    files = read(project)
    assert (files.layers, files.warnings) == ([], [])


def test_env_files_go_before_cfg_files(project: Path) -> None:
    write(project / ".env", "LOAFER_MAX_JOBS=1")
    write(project / "a.cfg", "[loafer]", "max_jobs = 2", "prefetch = 2")
    files = read(project)
    assert first(files, JOBS) == Given("1", ".env line 1")
    assert first(files, "LOAFER_PREFETCH") == Given("2", "a.cfg [loafer]")


@pytest.mark.parametrize("other", ["[settings]\nLOAFER_PREFETCH = 2", "[loafer]", "[loafer]\nprefetch = 2"])
def test_two_cfg_files_with_a_section_for_loafer_are_a_mistake(project: Path, other: str) -> None:
    write(project / "b.cfg", "[loafer]", "max_jobs = 2")
    write(project / "a.cfg", other)
    write(project / "setup.cfg", "[metadata]", "name = x", "[settings]", "color = red")
    assert complaints(project) == ["a.cfg and b.cfg (project files): each has a section for loafer; keep one of them"]


@pytest.mark.parametrize("section", ["loafer.other", "Loafer", "tool:loafer", "tool.loafer", "loafers"])
def test_a_section_that_looks_like_ours_is_told(project: Path, section: str) -> None:
    write(project / "a.cfg", f"[{section}]", "max_jobs = 3")
    files = read(project)
    assert files.warnings == [f"a.cfg [{section}] is no section of loafer's, and is not read; write [loafer]"]
    assert (files.layers, files.used) == ([], [])


def test_a_section_of_others_with_our_keys_is_told(project: Path) -> None:
    write(project / "a.cfg", "[worker]", "LOAFER_MAX_JOBS = 3", "[mypy-loafer.*]", "strict = true")
    assert read(project).warnings == ["a.cfg [worker] is no section of loafer's, and is not read; write [loafer]"]


def test_files_come_from_the_nearest_folder_with_a_marker_alone(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml")
    write(tmp_path / ".env", "LOAFER_MAX_JOBS=1", "LOAFER_PREFETCH=1", "AWS_PROFILE=outer")
    write(tmp_path / "inner" / "pyproject.toml")
    write(tmp_path / "inner" / ".env", "LOAFER_MAX_JOBS=2")
    (tmp_path / "inner" / "app").mkdir()
    for folder, name in ((tmp_path / "inner", ".env"), (tmp_path / "inner" / "app", "../.env")):
        files = read(folder)
        assert files.layers == [{JOBS: Given("2", f"{name} line 1")}]
        assert (files.aws, files.used, files.warnings) == ({}, [name], [])


@pytest.mark.parametrize("marker", ["pyproject.toml", "setup.py", "setup.cfg", ".git"])
def test_the_project_root_is_the_first_folder_with_a_marker(tmp_path: Path, marker: str) -> None:
    write(tmp_path / "pyproject.toml")
    write(tmp_path / "project" / marker)
    root = tmp_path / "project"
    assert [project_folder(folder) for folder in (root / "app" / "jobs", root / "app", root)] == [root] * 3


def test_without_a_project_the_working_directory_is_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("loafer.entrypoints.settings.project._ROOT_MARKERS", ("no-such-marker",))
    assert project_folder(tmp_path) == tmp_path


def test_settings_of_a_working_directory_that_is_no_root_are_passed_over_with_a_warning(project: Path) -> None:
    write(project / "app" / ".env", "LOAFER_MAX_JOBS=2")
    write(project / "app" / "setup_.cfg", "[metadata]", "name = x")
    files = read(project / "app")
    assert files.layers == []
    assert files.warnings == [".env is not read: settings are those of the project's root, .."]


def test_aws_variables_of_an_env_file_are_taken_where_there_are_none_and_never_shown(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    write(project / ".env", "AWS_SECRET_ACCESS_KEY=s3cret", "AWS_DEFAULT_REGION=sa-east-1", "OTHER=1")
    write(project / "setup.cfg", "[loafer]", "max_jobs = 3")
    files, environ = read(project), {"AWS_DEFAULT_REGION": "eu-west-1"}
    assert files.aws == {"AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_DEFAULT_REGION": "sa-east-1"}
    files.tell(files.give_aws(environ))
    assert environ == {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_SECRET_ACCESS_KEY": "s3cret"}
    assert caplog.record_tuples == [
        (NAME, logging.INFO, "settings are read from .env, setup.cfg"),
        (NAME, logging.INFO, "AWS variables are taken from .env: AWS_SECRET_ACCESS_KEY"),
    ]
    assert "s3cret" not in repr(files)


def test_nothing_is_read_where_the_environment_says_so(project: Path) -> None:
    write(project / ".env", "LOAFER_MAX_JOBS=three", "LOAFER_PREFETCH=2", "AWS_PROFILE=x", "LOAFER_X='")
    assert read(project, FileSettings(none=True)) == ProjectFiles()


def test_what_the_environment_alone_may_say_does_not_count_in_files(project: Path) -> None:
    write(project / ".env", "LOAFER_TRUST_PROJECT_FILES=1", "LOAFER_MAX_JOBS=3")
    write(project / "a.cfg", "[loafer]", "no_project_files = 1")
    files = read(project)
    assert files.layers == [{JOBS: Given("3", ".env line 2")}]
    assert files.warnings == [
        "LOAFER_TRUST_PROJECT_FILES (.env line 1) counts in the environment alone",
        "LOAFER_NO_PROJECT_FILES (a.cfg [loafer]) counts in the environment alone",
    ]


def test_the_name_of_a_file_cannot_forge_a_line_of_the_log(project: Path) -> None:
    (project / "a\nERROR.cfg").write_bytes(b"\xff")
    write(project / "b\n.cfg", "[tool.loafer]")
    write(project / "c\n.cfg", "no INI")
    told = "\n".join(read(project).warnings)
    assert told.count("\n") == 2
