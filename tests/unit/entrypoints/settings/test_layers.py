import logging
from pathlib import Path

import pytest

from loafer.entrypoints.settings.layers import (
    ProjectFiles,
    environment_layer,
    options_layer,
    project_folders,
    read_project_files,
    warn_of_unknown_keys,
)
from loafer.entrypoints.settings.mistakes import Given, Mistakes

JOBS = "LOAFER_MAX_JOBS"


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(directory: Path) -> ProjectFiles:
    mistakes = Mistakes()
    files = read_project_files(directory, mistakes)
    mistakes.raise_if_any()
    return files


def complaints(directory: Path) -> list[str]:
    mistakes = Mistakes()
    read_project_files(directory, mistakes)
    return [str(mistake) for mistake in mistakes.found]


def first(files: ProjectFiles, key: str) -> Given | None:
    return next((layer[key] for layer in files.layers if key in layer), None)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path / "pyproject.toml")
    return tmp_path


def test_options_are_known_by_their_parameter_names() -> None:
    assert options_layer({"max_jobs": "3", "consumer_opts": "{}", "source": None, "verbose": 1}) == {
        JOBS: Given("3", "option --max-jobs"),
        "LOAFER_DEFAULT_CONSUMER_OPTIONS": Given("{}", "option --consumer-opts"),
    }


def test_only_loafer_variables_of_the_environment_count() -> None:
    assert environment_layer({JOBS: "3", "HOME": "/"}) == {JOBS: Given("3", "environment variable")}


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


def test_of_several_cfg_files_the_alphabetically_first_wins(project: Path) -> None:
    write(project / "b.cfg", "[loafer]", "max_jobs = 2", "prefetch = 2")
    write(project / "a.cfg", "[loafer]", "max_jobs = 1")
    files = read(project)
    assert first(files, JOBS) == Given("1", "a.cfg [loafer]")
    assert first(files, "LOAFER_PREFETCH") == Given("2", "b.cfg [loafer]")


def test_every_env_file_goes_before_every_cfg_file(project: Path) -> None:
    write(project / ".env", "LOAFER_MAX_JOBS=1")
    write(project / "app" / "a.cfg", "[loafer]", "max_jobs = 2")
    assert first(read(project / "app"), JOBS) == Given("1", "../.env line 1")


def test_the_nearest_folder_wins(project: Path) -> None:
    write(project / ".env", "LOAFER_MAX_JOBS=1", "LOAFER_PREFETCH=1")
    write(project / "app" / ".env", "LOAFER_MAX_JOBS=2")
    files = read(project / "app")
    assert first(files, JOBS) == Given("2", ".env line 1")
    assert first(files, "LOAFER_PREFETCH") == Given("1", "../.env line 2")


@pytest.mark.parametrize("marker", ["pyproject.toml", "setup.py", "setup.cfg", ".git"])
def test_the_project_root_is_the_first_folder_with_a_marker(tmp_path: Path, marker: str) -> None:
    write(tmp_path / "pyproject.toml")
    write(tmp_path / "project" / marker)
    folder = tmp_path / "project" / "app" / "jobs"
    assert project_folders(folder) == [folder, folder.parent, tmp_path / "project"]


def test_without_a_project_only_the_working_directory_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("loafer.entrypoints.settings.layers._ROOT_MARKERS", ("no-such-marker",))
    assert project_folders(tmp_path) == [tmp_path]


def test_aws_variables_of_env_files_are_returned_and_never_shown(project: Path) -> None:
    write(project / ".env", "AWS_SECRET_ACCESS_KEY=s3cret", "AWS_DEFAULT_REGION=sa-east-1", "OTHER=1")
    write(project / "app" / ".env", "AWS_DEFAULT_REGION=eu-west-1")
    files = read(project / "app")
    assert files.aws == {"AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert "s3cret" not in repr(files)


def test_a_foreign_cfg_file_that_does_not_parse_is_skipped_with_a_warning(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(project / "other.cfg", "[section]", "key = value", "<<< no INI >>>")
    assert read(project).layers == ()
    assert caplog.messages == ["skipped: other.cfg (line 3): not readable; write KEY = value under [loafer]"]


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


def test_a_foreign_env_line_that_does_not_parse_is_skipped_without_showing_it(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(project / ".env", "PASSWORD='s3cret", "LOAFER_MAX_JOBS=3")
    assert first(read(project), JOBS) == Given("3", ".env line 2")
    assert "line 1" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_file_that_is_no_text_is_skipped_with_a_warning(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    (project / ".env").write_bytes(b"\xff\xfe\x00")
    (project / "folder.cfg").mkdir()
    assert read(project).layers == ()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].endswith(".env is skipped, it cannot be read: UnicodeDecodeError")


def test_an_env_file_may_start_with_a_byte_order_mark(project: Path) -> None:
    (project / ".env").write_bytes(b"\xef\xbb\xbfLOAFER_MAX_JOBS=3")
    assert first(read(project), JOBS) == Given("3", ".env line 1")


def test_a_virtual_environment_called_env_is_no_env_file(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    (project / ".env").mkdir()
    assert read(project).layers == ()
    assert caplog.messages == []


def test_unknown_keys_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_unknown_keys([{"LOAFER_MAX_JOB": Given("1", "a.cfg [loafer]")}])
    assert caplog.record_tuples == [
        (
            "loafer.entrypoints.settings.layers",
            logging.WARNING,
            "LOAFER_MAX_JOB (a.cfg [loafer]) is no setting; did you mean LOAFER_MAX_JOBS?",
        )
    ]
