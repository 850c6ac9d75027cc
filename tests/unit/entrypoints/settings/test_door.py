"""Whose files are read: real files, with the owners and modes that other people's files have."""

import os
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click.testing
import pytest

from loafer.entrypoints.cli import cli
from loafer.entrypoints.settings.door import LARGEST, is_private, open_file
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.project import ProjectFiles, read_project_files
from loafer.entrypoints.settings.table import FileSettings

NOBODY = 65534
TRUST = "LOAFER_TRUST_PROJECT_FILES=1"
OURS, FOREIGN = "LOAFER_MAX_JOBS=3\n", "PORT=8080\n"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir(mode=0o755)
    (folder / "pyproject.toml").touch()
    return folder


def put(path: Path, text: str = OURS, *, mode: int = 0o644, owner: int = -1, group: int = -1) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    os.chown(path, owner, group, follow_symlinks=False)
    return path


def read(folder: Path, *, trusting: bool = False) -> tuple[ProjectFiles, list[str]]:
    mistakes = Mistakes()
    files = read_project_files(folder, FileSettings(trusting=trusting), mistakes)
    return files, [str(mistake) for mistake in mistakes.found]


def is_taken(folder: Path, *, trusting: bool = False) -> bool:
    """Tell whether the folder's file is read; if not, it is one mistake that says why and what to do."""
    files, mistakes = read(folder, trusting=trusting)
    assert files.warnings == []
    assert len(mistakes) == (not files.layers)
    assert all(TRUST in mistake for mistake in mistakes)
    return bool(files.layers)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of ours, in a folder of everybody's where somebody else has planted a project."""
    shared = tmp_path / "shared"
    (shared / "job").mkdir(parents=True)
    shared.chmod(0o777)
    put(shared / "pyproject.toml", "", owner=NOBODY)
    lines = "LOAFER_DEFAULT_ROUTE_HANDLER=os.system\nAWS_ENDPOINT_URL=http://evil\nAWS_CONFIG_FILE=evil\n"
    put(shared / ".env", lines, owner=NOBODY)
    for name in ("AWS_ENDPOINT_URL", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "")  # so that it is as before in the end, whatever happens
        monkeypatch.delenv(name)
    monkeypatch.chdir(shared / "job")
    return shared / "job"


@as_root
@pytest.mark.parametrize(
    "arguments",
    [("--source", "memory://x"), ("demo", "--messages", "1"), ("publish_sqs", "--queue", "q", "--msg", "1")],
)
def test_a_planted_parent_starts_nothing(planted: Path, arguments: tuple[str, ...]) -> None:
    done = click.testing.CliRunner().invoke(cli, arguments, prog_name="loafer")
    assert (done.exit_code, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line == (
        f"loafer: ../.env (project file): not read, for it belongs to somebody else (user {NOBODY}); "
        f"let nobody else own or write it, or set {TRUST} in the environment"
    )
    assert not {"AWS_ENDPOINT_URL", "AWS_CONFIG_FILE"} & {*os.environ}


@as_root
@pytest.mark.parametrize(("value", "told"), [("1", None), ("0", ".env"), ("yes", "FILES='yes'"), ("true", "='true'")])
def test_only_the_environment_can_lift_it(
    planted: Path, monkeypatch: pytest.MonkeyPatch, value: str, told: str | None
) -> None:
    put(planted.parent / ".env", f"{OURS}{TRUST}\n", owner=NOBODY)
    monkeypatch.setenv("LOAFER_TRUST_PROJECT_FILES", value)
    done = click.testing.CliRunner().invoke(cli, ["demo", "--messages", "1"], prog_name="loafer")
    assert done.exit_code == (0 if told is None else 2)
    assert (told or "") in done.stderr


def test_no_project_files_are_read_where_the_environment_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(project / ".env", "LOAFER_MAX_JOBS=none\n")
    monkeypatch.chdir(project)
    runner = click.testing.CliRunner()
    assert runner.invoke(cli, ["demo", "--messages", "1"]).exit_code == 2
    monkeypatch.setenv("LOAFER_NO_PROJECT_FILES", "1")
    assert runner.invoke(cli, ["demo", "--messages", "1"]).exit_code == 0


@pytest.mark.parametrize(("file", "folder"), [(0o600, 0o700), (0o644, 0o755), (0o444, 0o555)])
def test_what_nobody_else_may_write_is_read(project: Path, file: int, folder: int) -> None:
    put(project / ".env", mode=file)
    project.chmod(folder)
    assert is_taken(project)


@as_root
def test_a_umask_that_lets_the_users_own_group_write_is_usual(project: Path) -> None:
    put(project / ".env", mode=0o664, owner=0, group=0)
    project.chmod(0o775)
    os.chown(project, 0, 0)
    assert is_taken(project)


@as_root
def test_roots_files_are_read_by_everybody(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(project / ".env", mode=0o444)
    project.chmod(0o555)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert is_taken(project)


@as_root
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_belongs_to_somebody_else_is_refused(project: Path, what: str) -> None:
    path = put(project / ".env")
    os.chown({"file": path, "folder": project}[what], NOBODY, NOBODY)
    assert not is_taken(project)
    assert is_taken(project, trusting=True)


@pytest.mark.parametrize(("file", "folder"), [(0o646, 0o755), (0o644, 0o757), (0o644, 0o1777)])
def test_what_everybody_may_write_is_refused(project: Path, file: int, folder: int) -> None:
    put(project / ".env", mode=file)
    project.chmod(folder)
    assert not is_taken(project)
    assert is_taken(project, trusting=True)


@as_root
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_a_group_may_write_is_refused(project: Path, what: str) -> None:
    path = put(project / "setup.cfg", "[loafer]\nmax_jobs = 3\n")
    shared = {"file": path, "folder": project}[what]
    os.chown(shared, 0, 12345)
    shared.chmod(shared.stat().st_mode | stat.S_IWGRP)
    assert not is_taken(project)
    assert is_taken(project, trusting=True)


@pytest.mark.parametrize("text", [OURS, "AWS_PROFILE=x\n", "LOAFER_MAX_JOBS\n"])
def test_a_refused_file_that_is_about_loafer_or_aws_is_a_mistake(project: Path, text: str) -> None:
    put(project / ".env", text, mode=0o666)
    files, mistakes = read(project)
    assert files == ProjectFiles()
    [mistake] = mistakes
    assert mistake == (
        ".env (project file): not read, for it can be written by everybody; "
        f"let nobody else own or write it, or set {TRUST} in the environment"
    )


@pytest.mark.parametrize(("name", "text"), [(".env", FOREIGN), ("setup.cfg", "[settings]\ncolor = red\n")])
def test_any_other_refused_file_is_skipped_with_a_warning(project: Path, name: str, text: str) -> None:
    put(project / name, text, mode=0o666)
    files, mistakes = read(project)
    assert mistakes == []
    [warning] = files.warnings
    assert warning.startswith(f"skipped: {name} (project file): not read, for it can be written by everybody; ")
    assert warning.endswith(f"or set {TRUST} in the environment")


@pytest.fixture
def config_map(project: Path) -> Path:
    """What Kubernetes mounts: everybody may write the folder, and its files are links."""
    data = project / "..2026_11_24"
    data.mkdir(mode=0o755)
    put(data / ".env")
    (project / "..data").symlink_to(data.name)
    (project / ".env").symlink_to("..data/.env")
    project.chmod(0o777)
    return project


def test_a_link_is_judged_by_where_it_leads(config_map: Path) -> None:
    assert is_taken(config_map)
    (config_map / "..data").resolve().chmod(0o777)
    assert not is_taken(config_map)


@as_root
def test_a_link_that_somebody_else_made_is_refused(config_map: Path) -> None:
    os.chown(config_map / ".env", NOBODY, NOBODY, follow_symlinks=False)
    assert not is_taken(config_map)


def test_a_link_that_leads_nowhere_is_no_file(project: Path) -> None:
    (project / ".env").symlink_to("nowhere")
    assert read(project) == (ProjectFiles(), [])


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [a_pipe, a_socket, endless])
@pytest.mark.parametrize("name", [".env", "x.cfg"])
@pytest.mark.parametrize("trusting", [False, True])
def test_what_is_no_regular_file_is_not_even_opened(
    project: Path, make: Callable[[Path], None], name: str, trusting: bool
) -> None:
    make(project / name)
    files, mistakes = read(project, trusting=trusting)
    assert mistakes == []
    right = "it is no regular file; give a file, or a link to one"
    assert files.warnings == [f"skipped: {name} (project file): not read, for {right}"]


@pytest.mark.parametrize("trusting", [False, True])
def test_a_file_has_at_most_one_mebibyte(project: Path, trusting: bool) -> None:
    path = put(project / ".env", OURS + "#" * (LARGEST - len(OURS)))
    assert is_taken(project)
    with path.open("a") as file:
        file.write("#")
    files, mistakes = read(project, trusting=trusting)
    assert files.layers == []
    assert mistakes == [".env (project file): not read, for it is larger than 1 MiB; give a smaller file"]
    put(path, FOREIGN + "é" * LARGEST)
    assert read(project)[1] == []


def test_a_file_that_is_not_there_is_none(project: Path) -> None:
    assert open_file(project / ".env", ".env") is None
    assert open_file(project, "project") is None


USERS = {1000: ("ada", 1000), 1001: ("bob", 100)}
GROUPS = {1000: ("ada", []), 1002: ("ada", ["ada"]), 100: ("users", []), 1003: ("ada", ["bob"]), 77: ("x", [])}


@pytest.mark.parametrize(
    ("group", "user", "private"),
    [
        (1000, 1000, True),
        (1002, 1000, False),  # of her name, but not hers from the beginning
        (100, 1001, False),  # his from the beginning, and others'
        (100, 1000, False),
        (555, 555, True),  # nobody knows either, as in a container
        (555, 556, False),
        (77, 77, True),
    ],
)
def test_a_group_is_private_if_it_has_one_user(
    group: int, user: int, private: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getpwuid(number: int) -> SimpleNamespace:
        name, first = USERS[number]
        return SimpleNamespace(pw_name=name, pw_gid=first)

    def getgrgid(number: int) -> SimpleNamespace:
        name, members = GROUPS[number]
        return SimpleNamespace(gr_name=name, gr_mem=members)

    monkeypatch.setattr("pwd.getpwuid", getpwuid)
    monkeypatch.setattr("grp.getgrgid", getgrgid)
    assert is_private(group, user) is private


def test_a_group_with_another_member_is_not_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name="ada", pw_gid=1000))
    monkeypatch.setattr("grp.getgrgid", lambda _: SimpleNamespace(gr_name="ada", gr_mem=["bob"]))
    assert not is_private(1000, 1000)


def acl(*entries: tuple[int, int, int]) -> bytes:
    """Return an access control list as the kernel keeps it: tags, rights and numbers of users or groups."""
    own, mask, none = 0x01, 0x10, 0xFFFFFFFF
    known = [(own, 6, none), *entries, (0x04, 4, none), (mask, 6, none), (0x20, 4, none)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in sorted(known))


@pytest.fixture
def with_list() -> Callable[[Path, bytes], None]:
    def give(path: Path, entries: bytes) -> None:
        try:
            os.setxattr(path, "system.posix_acl_access", entries)
        except (OSError, AttributeError):
            pytest.skip("files have no access control lists here")

    return give


@pytest.mark.parametrize("where", [".env", "."])
@pytest.mark.parametrize(("tag", "who"), [(0x02, "user 65534"), (0x08, "group 65534")])
def test_who_may_write_by_an_access_control_list_is_somebody_else(
    project: Path, with_list: Callable[[Path, bytes], None], where: str, tag: int, who: str
) -> None:
    put(project / ".env")
    with_list(project / where, acl((tag, 6, NOBODY)))
    _, [mistake] = read(project)
    assert f"by others ({who}, by an access control list)" in mistake or "group" in mistake
    assert is_taken(project, trusting=True)


def test_a_list_may_let_others_read(project: Path, with_list: Callable[[Path, bytes], None]) -> None:
    with_list(put(project / ".env"), acl((0x02, 4, NOBODY), (0x02, 6, os.geteuid())))
    assert is_taken(project)


@as_root
@pytest.mark.parametrize("line", [OURS, "AWS_PROFILE=x\n", "export AWS_PROFILE=x\n", FOREIGN])
def test_a_file_that_is_not_believed_is_not_taken_apart_where_it_is_long(project: Path, line: str) -> None:
    put(project / ".env", "a=b" + " " * 900_000 + "c\n" + line, owner=NOBODY)  # minutes for what reads such files
    start = time.process_time()
    files, mistakes = read(project)
    assert time.process_time() - start < 1
    assert (len(files.warnings), len(mistakes)) == ((1, 0) if line == FOREIGN else (0, 1))


@as_root
def test_nor_is_a_long_file_that_holds_nothing_but_settings(project: Path) -> None:
    put(project / "loafer.toml", "max_jobs = 3\n" + "#" * 100_000, owner=NOBODY)
    assert not is_taken(project)


@as_root
def test_a_planted_root_does_not_take_the_settings_of_a_project_away(planted: Path) -> None:
    (planted.parent / ".env").unlink()
    put(planted / ".env", "LOAFER_SNS_VERIFY=1\n")
    files, [mistake] = read(planted)
    assert not files.layers
    assert "not read, for .. makes itself the project's root, and it can be written by everybody" in mistake
    put(planted / "pyproject.toml", "")
    assert is_taken(planted)
