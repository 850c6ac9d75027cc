"""One redrive or purge of a queue at a time, on this machine."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from loafer.entrypoints.commands.dlq.files import FILE_MODE, state_folder, stem_of
from loafer.exceptions import ConfigurationError
from loafer.ports.inspector import QueueState


@contextmanager
def held_alone(state: QueueState) -> Iterator[None]:
    """Hold a queue against other processes of ours on this machine; ConfigurationError: another one has it."""
    path = state_folder() / f"{stem_of(state.name, state.place)}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "?"
            text = f"another loafer dlq (process {holder}) works on {state.name}; wait until it has ended"
            raise ConfigurationError(text) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
