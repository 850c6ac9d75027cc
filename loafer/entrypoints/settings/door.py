"""The door that every project file goes through: whose it is, who else may write it, and how much of it is read."""

import os
import stat
from pathlib import Path

import attrs

from loafer.entrypoints.settings.access import writer_in_list

LARGEST = 1024 * 1024
"""Bytes that a project file may have."""

TRUSTING = "LOAFER_TRUST_PROJECT_FILES"
"""The environment variable that lets files in whoever may have written them."""

_ROOT = 0


@attrs.frozen
class Opened:
    """A project file that was looked at.

    Attributes:
        name: What messages call it.
        text: Its content as far as it could be read; whether it may be acted upon, `refused` says.
        refused: Why it is not believed, and what would be right; None where it is.

    """

    name: str
    text: str = attrs.field(repr=False)
    refused: str | None = None


def open_file(path: Path, name: str, *, trusting: bool = False) -> Opened | None:
    """Look at a project file; None where there is none of this name, or a folder.

    A link is judged by where it leads, and by whose it is. With `trusting`, owners and modes are not looked at.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is no text.

    """
    real = os.path.realpath(path)
    try:
        content, status = _read(real)
    except (FileNotFoundError, IsADirectoryError):
        return None
    except _NoRegularFileError:
        return Opened(name, "", "it is no regular file; give a file, or a link to one")
    text = content[:LARGEST].decode("utf-8-sig", "ignore" if len(content) > LARGEST else "strict")
    if len(content) > LARGEST:
        return Opened(name, text, "it is larger than 1 MiB; give a smaller file")
    doubt = None if trusting else _doubt(path, real, status)
    if doubt is None:
        return Opened(name, text)
    right = f"let nobody else own or write it, or set {TRUSTING}=1 in the environment"
    return Opened(name, text, f"{doubt}; {right}")


class _NoRegularFileError(Exception):
    """There is a pipe, a device or a socket."""


def _read(real: str) -> tuple[bytes, os.stat_result]:
    """Return a little more than the most that a file may hold, and what it is."""
    _check_regular(os.stat(real).st_mode)  # noqa: PTH116 - to open a device may already do something
    descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - it has no path any more that could be put in its place
        status = os.fstat(descriptor)
        _check_regular(status.st_mode)
        return file.read(LARGEST + 1) or b"", status  # some files of the kernel have nothing to say for now


def _check_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):
        raise _NoRegularFileError


def _doubt(path: Path, real: str, status: os.stat_result) -> str | None:
    """Return why a file may not say what its user wants; None where only they and root can have written it."""
    home = os.path.dirname(real)  # noqa: PTH120 - as above
    link, folder = os.lstat(path), os.stat(home)  # noqa: PTH116 - as above
    if stat.S_ISLNK(link.st_mode) and _is_strangers(link):
        return f"the link to it belongs to somebody else (user {link.st_uid})"
    return (
        _doubt_of("it", status)
        or _doubt_of_list("it", real)
        or _doubt_of("its folder", folder)
        or _doubt_of_list("its folder", home)
    )


def doubt_of_open(descriptor: int, path: Path) -> str | None:
    """Return why an open file may not be what its user wrote; None where only they and root can have written it."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file"
    return _doubt_of("it", status) or _doubt_of_list("it", os.path.realpath(path))


def doubt_of_folder(folder: Path) -> str | None:
    """Return why others may have put files into a folder; None where they cannot."""
    return _doubt_of("it", os.stat(folder)) or _doubt_of_list("it", str(folder))  # noqa: PTH116 - as above


def _doubt_of(what: str, status: os.stat_result) -> str | None:
    if _is_strangers(status):
        return f"{what} belongs to somebody else (user {status.st_uid})"
    if status.st_mode & stat.S_IWOTH:
        return f"{what} can be written by everybody"
    if status.st_mode & stat.S_IWGRP and not is_private(status.st_gid, status.st_uid):
        return f"{what} can be written by others (group {status.st_gid})"
    return None


def _doubt_of_list(what: str, path: str) -> str | None:
    writer = writer_in_list(path)
    return f"{what} can be written by others ({writer}, by an access control list)" if writer else None


def _is_strangers(status: os.stat_result) -> bool:
    return status.st_uid not in {_ROOT, os.geteuid()}


def is_private(group: int, user: int) -> bool:
    """Tell whether a group is its user's alone: it has their name, or number where there are no names; no others."""
    import grp  # noqa: PLC0415 - only where a group may write
    import pwd  # noqa: PLC0415

    try:
        known = pwd.getpwuid(user)
    except KeyError:  # a container has no names for the users of its host
        name, own = "", group == user
    else:
        name, own = known.pw_name, group == known.pw_gid
    try:
        members = grp.getgrgid(group)
    except KeyError:
        return own and group == user
    return own and {*members.gr_mem} <= {name} and (not name or members.gr_name == name)
