"""A worker writes every few seconds how it is, and answers questions, for whoever looks from outside its process."""

import asyncio
import json
import logging
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from loafer.entrypoints.worker.control_socket import Answers, answering
from loafer.entrypoints.worker.neighbour import beside, is_over
from loafer.entrypoints.worker.status_place import OFF, is_gone, opened, own_folder, path_of, socket_of, status_files

logger = logging.getLogger(__name__)

EVERY, AT_FIRST = 5.0, 1.0
"""Seconds between two writes; and while the worker is not ready."""

Document = Mapping[str, Any]


@attrs.define(eq=False)
class StatusFile:
    """Writes a document to a file, again and again; whoever reads it sees a whole one.

    Attributes:
        path: The file.
        document: Returns what is to be written.
        own: Whether it is in this user's own folder, which is made again if somebody removes it.
        beside: Where it is written before it takes its place; its name is nobody else's to know.

    """

    path: Path
    document: Callable[[], Document]
    own: bool = False
    beside: Path = attrs.field(init=False)
    _failed: bool = attrs.field(default=False, init=False)
    _written: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Make up a name that nobody else can have taken, where others may write too."""
        self.beside = self.path.with_name(f".{self.path.name}.{os.urandom(8).hex()}")

    def write(self) -> bool:
        """Write once, and tell whether the worker is ready; what fails is logged once."""
        try:
            document = self.document()
            text = json.dumps(document)
            self._check()
            if self.own:
                own_folder()
            self.beside.unlink(missing_ok=True)
            with os.fdopen(os.open(self.beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            self.beside.replace(self.path)
            self._written = True
            return bool(document.get("ready"))
        except Exception as error:  # noqa: BLE001 - a full disk, and whatever else: the worker goes on
            if not self._failed:
                self._failed = True
                logger.warning("the status file %s cannot be written, which is said once: %s", self.path, error)
            with suppress(OSError):
                self.beside.unlink()
        return True

    def _check(self) -> None:
        """Raise FileExistsError where something is that is no file, such as /dev/null: root could replace it."""
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(self.path.lstat().st_mode):
                raise FileExistsError("it is there, and no file; give the path of one, or off")

    async def run(self, stop: asyncio.Event) -> None:
        """Write until the end, and then remove the file."""
        while not await is_over(stop, EVERY if self.write() else AT_FIRST):
            pass
        if self._written:
            with suppress(OSError):
                self.path.unlink()


@contextmanager
def written(
    setting: str | None, number: int | None, document: Callable[[], Document], answers: Answers | None = None
) -> Iterator[None]:
    """Write how a worker is meanwhile, where the setting says so; it can fail without any harm.

    `number` tells workers apart that have the same setting. Beside the file a socket answers questions, on the same
    thread; without `answers` there is none.
    """
    path = path_for(setting, number)
    if path is None:
        yield
        return
    file = StatusFile(path, document, own=setting is None)
    _tell_of_another(path)

    async def run(stop: asyncio.Event) -> None:
        if answers is None:
            await file.run(stop)
            return
        async with answering(socket_of(path), answers):
            await file.run(stop)

    with beside("loafer-status-file", run):
        yield


def path_for(setting: str | None, number: int | None) -> Path | None:
    """Return where a worker writes how it is; None: nowhere. `number` is that of `written`."""
    if setting is not None:
        return None if setting.lower() == OFF else path_of(setting, number)
    try:
        folder = own_folder()
    except OSError as error:
        logger.info("there is no status file for `loafer status`: %s", error)
        return None
    _clear()
    return folder / f"{os.getpid()}.json"


def _tell_of_another(path: Path) -> None:
    """Warn of another worker that writes this file, and runs."""
    try:
        with opened(path) as file:
            other = json.load(file)
        pid = int(other["pid"])
        if pid == os.getpid() or is_gone(pid, other["started"]):
            return
    except (OSError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        return  # there is none, or it says nothing that is understood
    logger.warning("the status file %s is written by process %d too: give each worker a file of its own", path, pid)


def _clear() -> None:
    """Remove the files of workers that were killed."""
    for path in status_files():
        with suppress(OSError, ValueError):
            if is_gone(int(path.stem), None):
                path.unlink()
                socket_of(path).unlink()
