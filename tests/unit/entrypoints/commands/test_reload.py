"""What is watched: the files that an application imports from the working tree, and nothing else."""

import json
import os
import signal
import sys
import time
import types
from collections.abc import Iterator, Sequence
from pathlib import Path

import click.testing
import pytest

from loafer.entrypoints.cli import cli
from loafer.entrypoints.commands import reload, run
from loafer.entrypoints.commands.reload import Reloader, folders_in, imported_files, tell_imports

WORKER = """
import os, signal, sys
os.write(int(sys.argv[-1]), sys.argv[1].encode() + b"\\n")
signal.pause()
"""
ENDS = "import sys; sys.exit(3)"


def command(code: str, *files: Path) -> list[str]:
    return [sys.executable, "-c", code, json.dumps([str(file) for file in files])]


def stops() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_it_is_started_again_when_a_file_that_it_told_of_changes_and_then_stopped(tmp_path: Path) -> None:
    shop, other = tmp_path / "shop.py", tmp_path / "other.py"
    told: list[str] = []
    watched: list[Sequence[str]] = []

    def watch(folders: Sequence[str]) -> Iterator[set[str]]:
        watched.append(folders)
        while True:
            if told:
                stops()
            yield {str(other), str(shop)}

    assert Reloader(command(WORKER, shop), told.append, watch).run() == 128 + signal.SIGTERM
    assert told == [f"{os.path.relpath(shop)} has changed: starting again"]
    assert watched[:2] == [[str(Path.cwd())], [str(tmp_path)]]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_one_that_has_ended_starts_again_when_any_module_changes(tmp_path: Path) -> None:
    told: list[str] = []

    def watch(_: Sequence[str]) -> Iterator[set[str]]:
        while True:
            if len(told) > 1:
                stops()
            yield {str(tmp_path / "notes.txt")} | ({str(tmp_path / "any.py")} if told else set())

    assert Reloader(command(ENDS), told.append, watch).run() in {3, 128 + signal.SIGTERM}
    assert told[0] == "the worker has ended; it is started again when a file changes"
    assert told[1].endswith("any.py has changed: starting again")


def test_a_module_that_was_mended_while_one_ended_by_what_it_was_before_starts_it_again(tmp_path: Path) -> None:
    told: list[str] = []

    def watch(_: Sequence[str]) -> Iterator[set[str]]:
        if told:
            stops()
        yield {str(tmp_path / "mended.py")}
        child = reloader._child
        assert child is not None
        child.kill()
        child.wait()
        yield set()
        stops()
        yield set()

    reloader = Reloader(command(WORKER), told.append, watch)
    reloader.run()
    assert [line.endswith("mended.py has changed: starting again") for line in told] == [True]


def test_a_file_that_changed_before_it_was_watched_counts_too(tmp_path: Path) -> None:
    shop, told = tmp_path / "shop.py", list[str]()

    def watch(_: Sequence[str]) -> Iterator[set[str]]:
        shop.touch()
        os.utime(shop, (time.time(), time.time()))
        while True:
            if told:
                stops()
            yield set()

    Reloader(command(WORKER, shop), told.append, watch).run()
    assert told == [f"{os.path.relpath(shop)} has changed: starting again"]


def test_a_file_that_changes_just_before_its_watch_has_begun_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch of a worker that has ended is begun anew, and what its user mends at once is seen by neither."""
    monkeypatch.chdir(tmp_path)
    shop, told = tmp_path / "shop.py", list[str]()
    shop.touch()
    os.utime(shop, (0, 0))

    def watch(_: Sequence[str]) -> Iterator[set[str]]:
        if told == ["the worker has ended; it is started again when a file changes"]:
            os.utime(shop, (time.time(), time.time()))
        looks = 0
        while True:
            looks += bool(told)
            if looks > 3:
                stops()
            yield set()

    Reloader(command(ENDS), told.append, watch).run()
    assert told[1:2] == ["shop.py has changed: starting again"]


def test_once_one_has_ended_what_it_could_not_import_is_watched_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    package, told, watched = tmp_path / "shop", list[str](), list[Sequence[str]]()

    def watch(folders: Sequence[str]) -> Iterator[set[str]]:
        watched.append(folders)
        while True:
            if len(told) > 1:
                stops()
            if told and not package.exists():
                package.mkdir()
                yield {str(package)}
            yield {str(package / "prices.py")} if str(package) in folders else set()

    Reloader(command(ENDS), told.append, watch).run()
    assert watched[:3] == [[str(tmp_path)], [str(tmp_path)], [str(tmp_path), str(package)]]
    assert told[1] == "shop/prices.py has changed: starting again"


def test_one_that_writes_a_module_and_ends_is_not_started_for_that_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told, code = list[str](), "import os, sys, time; os.utime('made.py', (time.time(), time.time())); sys.exit(3)"
    (tmp_path / "made.py").touch()

    def watch(_: Sequence[str]) -> Iterator[set[str]]:
        for _turn in range(3):
            assert reloader._child is not None
            reloader._child.wait()
            yield set()
        stops()
        yield set()

    reloader = Reloader(command(code), told.append, watch)
    reloader.run()
    assert [line.partition(" has ")[0] for line in told] == ["the worker", "made.py", "the worker"]


def test_a_module_that_was_mended_before_it_was_watched_starts_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rules, ahead, told = tmp_path / "shop" / "rules.py", tmp_path / "ahead.py", list[str]()
    rules.parent.mkdir()
    ahead.touch()
    os.utime(ahead, (2**32, 2**32))

    def tell(line: str) -> None:
        told.append(line)
        rules.touch()
        os.utime(rules, (time.time(), time.time()))

    def watch(_: Sequence[str]) -> Iterator[set[str]]:
        while True:
            if len(told) > 1:
                stops()
            yield set()

    Reloader(command(ENDS), tell, watch).run()
    assert told[1] == "shop/rules.py has changed: starting again"


def test_modules_are_neither_hidden_nor_installed(tmp_path: Path) -> None:
    others = (".git/a.py", "env/pyvenv.cfg", "env/lib/b.py", "vendored/site-packages/c.py", "web/node_modules/d.py")
    for name in ("shop.py", "notes.txt", "shop/rules.py", *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert dict(folders_in(tmp_path)) == {
        str(tmp_path): [str(tmp_path / "shop.py")],
        str(tmp_path / "shop"): [str(tmp_path / "shop" / "rules.py")],
        str(tmp_path / "vendored"): [],
        str(tmp_path / "web"): [],
    }


def test_a_worker_tells_what_it_imports_until_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = os.pipe()
    parents = iter([7, 7, 7, 8])
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr("os.getppid", lambda: next(parents))
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("os.kill", lambda *given: killed.append(given))
    tell_imports(there).join()
    with os.fdopen(here) as link:
        [files] = [json.loads(line) for line in link]
    assert os.path.realpath(__file__) in files
    assert killed == [(os.getpid(), signal.SIGTERM)]


def module(file: Path | None) -> types.ModuleType:
    made = types.ModuleType("made")
    made.__file__ = None if file is None else str(file)
    return made


def test_only_what_is_imported_from_the_working_tree_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    files = {
        "shop": tmp_path / "shop.py",
        "shop.rules": tmp_path / "shop" / "rules.py",
        "installed": tmp_path / ".venv" / "lib" / "installed.py",
        "elsewhere": tmp_path / "env" / "site-packages" / "elsewhere.py",
        "outside": tmp_path.parent / "outside.py",
        "builtin": None,
    }
    modules = {name: module(file) for name, file in files.items()}
    assert imported_files(tmp_path, {**modules, "none": object()}) == {
        str(tmp_path / "shop.py"),
        str(tmp_path / "shop" / "rules.py"),
    }


def test_without_what_watches_files_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    done = click.testing.CliRunner().invoke(cli, ["run", "shop:app", "--reload"], prog_name="loafer")
    assert done.exit_code == 2
    assert done.stderr == "loafer: --reload watches files with watchfiles; pip install 'loafer[reload]'\n"


def test_a_list_of_files_that_comes_in_parts_is_put_together() -> None:
    here, there = os.pipe()
    os.set_blocking(here, False)
    reloader = Reloader([], print, lambda _: iter([]))
    for part, files in ((b'["/a.py", "/b', set()), (b'.py"]\n["/c', {"/a.py", "/b.py"}), (b'.py"]\n', {"/c.py"})):
        os.write(there, part)
        reloader._hear(here)
        assert reloader._files == files
    os.close(here)
    os.close(there)


def test_only_a_worker_that_is_watched_polls_briefly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "polls.py").write_text(
        "from loafer import Loafer\napp = Loafer()\n@app.route('memory://orders')\nasync def handle(content): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    ran: list[object] = []
    monkeypatch.setattr(run, "run_worker", lambda _, __, application, ___: ran.append(application.routes()[0].options))
    monkeypatch.setattr(reload, "tell_imports", lambda _: None)
    for arguments in ([], ["--watched-by", "9"]):
        done = click.testing.CliRunner().invoke(cli, ["run", "polls:app", *arguments], prog_name="loafer")
        assert done.exit_code == 0, done.output
    assert ran == [{}, {"WaitTimeSeconds": 1}]
