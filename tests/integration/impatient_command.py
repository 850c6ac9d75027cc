"""A command again and again in one process, whose waits for better times are no waits: python impatient_command.py N …

After the number come the command line's words. It is repeated until it has run N times, or ended with a message that
the queue or topic does not exist: then the endpoint has nothing more to say.
"""

import math
import sys
from itertools import count
from pathlib import Path

from loafer.domain import retry

retry.backoff = lambda *_, **__: 0.001  # before anything has imported it

from loafer.application import trouble  # noqa: E402

trouble.PATIENCE_WHEN_DENIED = 0  # likewise

from loafer.entrypoints.worker import deadline  # noqa: E402

deadline.WORKER = math.inf  # or the process would be ended when the first stop in it is long over

from loafer.adapters.aws import credentials, persistence  # noqa: E402
from loafer.entrypoints.cli import cli  # noqa: E402
from loafer.entrypoints.commands.dlq import looking, native, purge, redrive  # noqa: E402

looking.AGAIN = 1
native.LOOK = 0
numbers = count()
purge._path_of = lambda state: Path(f"{state.name}.{next(numbers)}.purged")  # it would wait for the next second
redrive.require_ended = lambda *_: None  # type: ignore[attr-defined] # each begins anew, whatever the last one left
persistence.ATTEMPTS = 1
credentials.PAUSE = 0

if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        try:
            cli(sys.argv[2:], prog_name="loafer")
        except SystemExit as end:
            print(f"--- ended with {end.code}", flush=True)  # noqa: T201 - the test reads it
