"""Where the workers of this machine say how they are; imports nothing that `loafer status` would wait for."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

OFF = "off"
"""The setting that has no file written."""

LARGEST = 64 * 1024 * 1024
"""Bytes of a file that a worker writes; a status file of a thousand routes takes less than one in a hundred of it."""

LONGEST_ADDRESS = 100
"""Bytes of the name of a socket; systems differ, and none takes fewer."""


def folders() -> list[Path]:
    """Return the folders in which status files of this user are, the usual one first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    found = [Path(runtime) / "loafer"] if os.path.isabs(runtime) else []  # noqa: PTH117 - a text
    with suppress(OSError):  # where nothing can be written, as in a container with a read-only root, there is none
        found.append(Path(tempfile.gettempdir()) / f"loafer-{os.getuid()}")
    return found


def own_folder() -> Path:
    """Return the folder for this user's status files, which is made where it is missing.

    Raises:
        OSError: there is none that is this user's alone.

    """
    refused: OSError | None = None
    for folder in folders():
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            check_folder(folder)
        except OSError as error:
            refused = refused or error
        else:
            return folder
    raise refused or OSError("there is no folder for status files")


def check_folder(folder: Path) -> None:
    """See that a folder is a real one, ours, and nobody else's to write; PermissionError: it is not."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} is not a folder that only its owner may write, or not ours")


def path_of(setting: str, number: int | None) -> Path:
    """Return the path that a setting names; with several workers each has its number before the ending."""
    path = Path(setting)
    return path if number is None else path.with_name(f"{path.stem}-{number}{path.suffix}")


def socket_of(status_file: Path) -> Path:
    """Return where the worker with this status file listens for questions."""
    return status_file.with_suffix(".sock")


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Give a name for a socket that the system takes: it takes short ones only, so a long one is given by its folder.

    Raises:
        OSError: there is no such folder.

    """
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def status_files() -> Iterator[Path]:
    """Yield the status files of this user's workers, also of those that are gone."""
    for folder in own_folders():
        with suppress(OSError):
            yield from sorted(folder.glob("[0-9]*.json"))


def own_folders() -> Iterator[Path]:
    """Yield the folders that are there, and in which nobody but this user can have written."""
    for folder in folders():
        with suppress(OSError):
            check_folder(folder)
            yield folder


def opened(path: Path) -> BinaryIO:
    """Open a file that a worker of this user may have written; OSError: it is none, or larger than any of those."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST and os.getuid() in {0, found.st_uid}:
        return file
    file.close()
    raise PermissionError(f"{path} is no file of a worker of ours")


def started(pid: int) -> int | None:
    """Return when a process started, in the system's ticks, to know it from a later one of its number.

    None where that cannot be told.

    Raises:
        ProcessLookupError: there is no such process.

    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        with suppress(PermissionError):  # it is somebody else's, and there
            os.kill(pid, 0)
        return None
    return int(text.rpartition(")")[2].split()[19])


def is_gone(pid: int, since: int | None) -> bool:
    """Tell whether a process that started then has ended."""
    try:
        now = started(pid)
    except ProcessLookupError:
        return True
    return since is not None and now is not None and since != now
