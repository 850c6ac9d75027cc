"""Asks a worker of this machine a question, at the socket beside its status file."""

import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loafer.entrypoints.worker.control_socket import is_ours
from loafer.entrypoints.worker.status_place import address_of, socket_of

PATIENCE = 2.0
"""Seconds in which a worker has to answer."""

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer."""


def ask(status_file: Path, question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a worker answers.

    Raises:
        OSError: nobody of ours listens there, or not in time.
        ValueError: what came is no answer, or the answer is a refusal, whose reason it says.

    """
    with socket.socket(socket.AF_UNIX) as connection, address_of(socket_of(status_file)) as address:
        connection.settimeout(PATIENCE)
        connection.connect(address)
        if not is_ours(connection):
            raise PermissionError("somebody else listens there")
        connection.sendall(json.dumps(question).encode() + b"\n")
        answer = json.loads(_line(connection, time.monotonic() + PATIENCE))
    if not isinstance(answer, dict) or not answer.get("ok"):
        raise ValueError(str(answer.get("error") if isinstance(answer, dict) else "no answer of a worker's"))
    return answer


def _line(connection: socket.socket, until: float) -> bytes:
    text = bytearray()
    while not text.endswith(b"\n"):
        connection.settimeout(max(0.001, until - time.monotonic()))
        part = connection.recv(65536)
        if not part:
            raise ConnectionResetError("no whole answer")
        text += part
        if len(text) > LARGEST_ANSWER:
            raise ValueError("too long an answer")
    return bytes(text)
