"""What `loafer run --reload` does: a worker is stopped cleanly and started again when one of its modules changes.

The worker tells, over a pipe, which files it has imported from the working tree; they alone are watched. Once it has
ended by itself, every module there is: what it could not import, it cannot tell.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeAlias

import attrs

from loafer.entrypoints.worker.ending import SIGNALS
from loafer.exceptions import ConfigurationError

LOOK = 0.3
"""Seconds between two looks at what was imported, and at whether the worker or who started it is still there."""

WATCHED_BY = "--watched-by"
"""The option that says which descriptor a worker tells its files to."""

Watch: TypeAlias = Callable[[Sequence[str]], Iterator[set[str]]]
"""Yields, every now and then, which paths in some folders have changed since the last time."""


def run_reloading(arguments: Sequence[str], tell: Callable[[str], object]) -> int:
    """Run a command of loafer until it is stopped, again and again, and return the last exit status.

    `arguments` are its own; `tell` is given a line for each new start.

    Raises:
        ConfigurationError: the library that watches is not installed.

    """
    command = [sys.executable, "-m", "loafer", *arguments]
    return Reloader(command, tell, _watching()).run()


def tell_imports(descriptor: int) -> threading.Thread:
    """Tell, on the thread that is returned, which files of the working tree are imported; stop once nobody listens."""
    thread = threading.Thread(target=_tell, args=(descriptor, os.getppid()), name="loafer-imports", daemon=True)
    thread.start()
    return thread


def _tell(descriptor: int, parent: int) -> None:
    told: frozenset[str] = frozenset()
    with os.fdopen(descriptor, "w", encoding="utf-8") as link:
        while os.getppid() == parent:
            files = imported_files(Path.cwd(), sys.modules)
            if files != told:
                link.write(json.dumps(sorted(files)) + "\n")
                link.flush()
                told = files
            time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)


def imported_files(tree: Path, modules: Mapping[str, object]) -> frozenset[str]:
    """Return the files of modules in a tree, but for those that are installed there."""
    root, installed = f"{tree.resolve()}{os.sep}", f"{os.path.realpath(sys.prefix)}{os.sep}"
    files = [getattr(module, "__dict__", {}).get("__file__") for module in list(modules.values())]
    paths = [os.path.realpath(file) for file in files if isinstance(file, str)]
    return frozenset(
        path
        for path in paths
        if path.startswith(root) and not path.startswith(installed) and "site-packages" not in Path(path).parts
    )


def folders_in(tree: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the folders of a tree with their modules, imported or not, but for folders that are hidden or installed."""
    for folder, below, files in os.walk(tree.resolve()):
        below[:] = [name for name in below if not (name.startswith(".") or _holds_others(os.path.join(folder, name)))]  # noqa: PTH118 - it is a name
        yield folder, [os.path.join(folder, name) for name in files if name.endswith(".py")]  # noqa: PTH118


def _holds_others(folder: str) -> bool:
    """Tell whether a folder holds what others have written: an environment, or packages."""
    others = Path(folder).name in {"site-packages", "node_modules", "__pycache__"}
    return others or Path(folder, "pyvenv.cfg").exists() or folder == os.path.realpath(sys.prefix)


@attrs.define(eq=False)
class Reloader:
    """Keeps a command running; it is started again when one of its files changes.

    Attributes:
        command: The command.
        tell: Given a line for each new start.
        watch: Watches folders.

    """

    command: Sequence[str]
    tell: Callable[[str], object]
    watch: Watch
    _stopped: bool = attrs.field(default=False, init=False)
    _child: "subprocess.Popen[bytes] | None" = attrs.field(default=None, init=False)
    _files: frozenset[str] = attrs.field(factory=frozenset, init=False)
    _heard: bytes = attrs.field(default=b"", init=False)
    _modules: frozenset[str] = attrs.field(factory=frozenset, init=False)
    """Modules that have changed since it was started, imported or not."""
    _late: frozenset[str] = attrs.field(factory=frozenset, init=False)
    """Files for which it was started again as they were found changed: not for these twice, for it may write them."""

    def run(self) -> int:
        """Run until a signal stops it, and return the exit status of the last worker."""
        with self._heard_signals():
            while True:
                changed = self._run_once()
                status = self._end()
                if self._stopped:
                    return status if status >= 0 else 128 - status
                self.tell(f"{os.path.relpath(changed or '.')} has changed: starting again")

    def _run_once(self) -> str | None:
        """Start the command, and return which of its files has changed; None if it is to be stopped."""
        here, there = os.pipe()
        began = time.time()
        try:
            self._child = subprocess.Popen([*self.command, WATCHED_BY, str(there)], pass_fds=[there])  # noqa: S603 - this very command
        finally:
            os.close(there)
        with os.fdopen(here, "rb") as link:
            os.set_blocking(here, False)
            return self._changed(link.fileno(), began)

    def _changed(self, link: int, began: float) -> str | None:
        told, self._files, self._heard, self._modules = False, frozenset(), b"", frozenset()
        while not self._stopped:
            folders, unwatched = self._watched(ended=told)
            for changes in self.watch(sorted(folders)):
                if self._stopped:
                    return None
                ended = self._child is not None and self._child.poll() is not None
                if changed := self._first(changes, ended=ended):
                    self._late = frozenset()
                    return changed
                if late := _newer(unwatched - self._late, began):
                    self._late |= {late}
                    return late
                unwatched = frozenset()  # from the first look on they are watched
                if ended and not told:
                    told = True
                    self.tell("the worker has ended; it is started again when a file changes")
                    break
                if self._hear(link) or (told and any(map(os.path.isdir, changes))):
                    break
        return None

    def _watched(self, *, ended: bool) -> tuple[set[str], frozenset[str]]:
        """Return the folders to be watched, and the files in them that count."""
        folders, files = {str(Path(file).parent) for file in self._files}, self._files
        if ended:
            for folder, modules in folders_in(Path.cwd()):
                folders.add(folder)
                files = files.union(modules)
        return folders or {str(Path.cwd())}, files

    def _first(self, changes: Iterable[str], *, ended: bool) -> str | None:
        """Return the first of the changes that counts: of an imported file, or of any module where none runs.

        Then those count too that came while it still ran: it may have read what was there before, and ended by it.
        """
        real = {os.path.realpath(path) for path in changes}
        self._modules |= {path for path in real if path.endswith(".py")}
        return min((real & self._files) | (self._modules if ended else set()), default=None)

    def _hear(self, link: int) -> bool:
        """Take what the worker tells of its files, and tell whether there are others now."""
        before = self._files
        try:
            heard = os.read(link, 1 << 20)
        except BlockingIOError:
            return False
        *lines, self._heard = (self._heard + heard).split(b"\n")  # a long one comes in parts
        for line in lines:
            self._files = frozenset(json.loads(line))
        return self._files != before

    def _end(self) -> int:
        if self._child is None:
            return 0
        if self._child.poll() is None:
            self._child.terminate()
        return self._child.wait()

    @contextmanager
    def _heard_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._pass_on) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._stopped = True
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)


def _newer(files: Iterable[str], began: float) -> str | None:
    """Return a file that was written after its worker began, while nobody watched it yet; none of a time to come."""
    now = time.time()
    return next((file for file in files if os.path.exists(file) and began < os.path.getmtime(file) <= now), None)  # noqa: PTH110, PTH204 - it is a name


def _watching() -> Watch:
    try:
        import watchfiles  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError("--reload watches files with watchfiles; pip install 'loafer[reload]'") from error

    def watch(folders: Sequence[str]) -> Iterator[set[str]]:
        there = [folder for folder in folders if Path(folder).is_dir()]
        seen = watchfiles.watch(
            *(there or ["."]),
            watch_filter=None,
            debounce=200,
            rust_timeout=int(LOOK * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
        )
        for changes in seen:
            yield {path for _, path in changes}

    return watch
