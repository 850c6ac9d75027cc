"""Where snapshots and purged bodies are: in the user's own folder of state, for nobody else to read."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from loafer.domain.shown import printable
from loafer.entrypoints.settings.door import doubt_of_open
from loafer.exceptions import ConfigurationError

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def state_folder() -> Path:
    """Return `$XDG_STATE_HOME/loafer`, made if it is not there.

    Raises:
        ConfigurationError: it cannot be, or belongs to somebody else.

    """
    given = os.environ.get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    folder = base / "loafer"
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        found = folder.lstat()
        if not folder.is_dir() or folder.is_symlink() or found.st_uid != os.geteuid():
            raise ConfigurationError(f"{folder} is no folder of yours; remove it, or set XDG_STATE_HOME")
        folder.chmod(FOLDER_MODE)
    except OSError as error:
        raise ConfigurationError(f"{folder}: {error.strerror}; set XDG_STATE_HOME to a folder of yours") from error
    return folder


def stem_of(name: str, place: str) -> str:
    """Return how files about a queue are called: its name, and what tells it from others of its name."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def snapshot_path(name: str, place: str) -> Path:
    """Return where the last snapshot of a queue is."""
    return state_folder() / f"{stem_of(name, place)}.snapshot"


def opened(path: Path, how: int = os.O_RDONLY) -> int:
    """Return a descriptor of a file that says what was done to messages, which only its user may have written.

    Raises:
        ConfigurationError: others own it or may write it, or it is no file.
        OSError: it cannot be opened.

    """
    descriptor = os.open(path, how | os.O_NONBLOCK | os.O_CLOEXEC)
    doubt = doubt_of_open(descriptor, path)
    if doubt is None:
        return descriptor
    os.close(descriptor)
    raise ConfigurationError(f"{printable(str(path))}: {doubt}; only a file that nobody else may write is believed")


def new_file(path: Path) -> TextIO:
    """Create a file that was not there, for its owner alone; OSError if that cannot be."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_APPEND, FILE_MODE)
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass")


def append(descriptor: int, data: bytes) -> None:
    """Write data behind a file's end, and return once it is on the disk; OSError: the file is as it was."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)  # half a line would spoil the next one
        raise


@contextmanager
def replaced(path: Path) -> Iterator[TextIO]:
    """Write a file anew: it is there whole at the end, or as it was."""
    other = path.with_name(f".{path.name}.{os.getpid()}")
    other.unlink(missing_ok=True)
    try:
        with new_file(other) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        other.replace(path)
    finally:
        other.unlink(missing_ok=True)


def forgotten(name: str | None) -> list[Path]:
    """Remove the snapshots and purged bodies of a queue's name, or of all, and return what was removed."""
    gone = []
    for path in sorted(state_folder().iterdir()):
        known = path.suffix in {".snapshot", ".purged"} and re.search(r"-[0-9a-f]{8}(\.\d{8}T\d{6})?$", path.stem)
        if known and (name is None or (path.name.startswith(f"{name}-") and stem_is(path.stem, name))):
            path.unlink(missing_ok=True)
            gone.append(path)
    return gone


def stem_is(stem: str, name: str) -> bool:
    """Tell whether a file's stem is that of a queue of a name, and of no longer one."""
    return bool(re.fullmatch(re.escape(name) + r"-[0-9a-f]{8}(\.\d{8}T\d{6})?", stem))
