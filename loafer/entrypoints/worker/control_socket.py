"""A socket beside the status file, for its user alone: one question a connection, one line of JSON each way."""

import asyncio
import json
import logging
import os
import socket
import stat
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from loafer.entrypoints.worker.status_place import address_of, check_folder

logger = logging.getLogger(__name__)

LARGEST_QUESTION = 4096
"""Bytes of a question."""

PATIENCE = 5.0
"""Seconds in which a question has to be there, answered, and the answer read."""

MOST_CONNECTIONS = 16
"""Connections at once; those beyond are closed."""

CREDENTIALS = "iII"
"""How the system tells who is at the other end: the process, the user and the group."""

Answers: TypeAlias = Callable[[object], Awaitable[dict[str, Any]]]
"""Answers what was asked, a value of JSON."""


@asynccontextmanager
async def answering(path: Path, answers: Answers) -> AsyncIterator[None]:
    """Answer questions at a socket of this path meanwhile; where there can be none, that is said, and does no harm."""
    try:
        listening = listening_at(path)
    except OSError as error:
        logger.info("`loafer top` can ask this worker nothing and change nothing: %s", error)
        yield
        return
    try:
        server = _Server(answers)
        async with await asyncio.start_server(server.connected, sock=listening, limit=LARGEST_QUESTION):
            yield
            server.abort()
    finally:
        with suppress(OSError):
            path.unlink()  # noqa: ASYNC240 - nothing else runs on this loop that would mind


def listening_at(path: Path) -> socket.socket:
    """Return a socket that listens there, for this user alone.

    Raises:
        OSError: its folder is not this user's alone, or something else is there.

    """
    check_folder(path.parent)
    listening = socket.socket(socket.AF_UNIX)
    try:
        with address_of(path) as address:
            _clear(path, address)
            listening.bind(address)
        path.chmod(0o600)
        listening.listen(MOST_CONNECTIONS)
    except BaseException:
        listening.close()
        raise
    return listening


def _clear(path: Path, address: str) -> None:
    """Remove what a worker that was killed has left there; FileExistsError: it is something else."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.getuid():
        raise FileExistsError(f"{path} is there, and no socket of ours")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PATIENCE)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            path.unlink()
            return
    raise FileExistsError(f"another worker listens at {path}")


def is_ours(connection: Any) -> bool:
    """Tell whether this user, or root, is at the other end of a connection, where the system tells that."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(CREDENTIALS))
    return struct.unpack(CREDENTIALS, told)[1] in (0, os.getuid())


@attrs.define(eq=False)
class _Server:
    answers: Answers
    _open: set[asyncio.StreamWriter] = attrs.field(factory=set, init=False)

    def abort(self) -> None:
        """Close all connections: those that say nothing would be waited for."""
        for writer in list(self._open):
            writer.transport.abort()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if len(self._open) <= MOST_CONNECTIONS and is_ours(writer.get_extra_info("socket")):
                async with asyncio.timeout(PATIENCE):
                    answer = await self._answer(reader)
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):  # whoever asked is gone, or too slow
            pass
        except asyncio.CancelledError:  # the worker ends; Python 3.11 would tell of it as of an error
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        try:
            asked = json.loads(await reader.readuntil(b"\n"))
        except asyncio.LimitOverrunError:
            return {"ok": False, "error": f"a question has {LARGEST_QUESTION} bytes at most"}
        except (ValueError, RecursionError):
            return {"ok": False, "error": "a question is a line of JSON"}
        try:
            return await self.answers(asked)
        except Exception:
            logger.exception("a question at the socket could not be answered")
            return {"ok": False, "error": "see the worker's log"}
