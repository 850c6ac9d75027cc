"""The end of the process, also where handlers run on in threads; imports nothing that `--help` would wait for."""

import logging
import os
import sys
import threading
from typing import NoReturn

HANDLER_THREAD = "loafer-handler"
"""How the names of the threads begin in which handlers run."""


def end_process(end: SystemExit) -> NoReturn:
    """End the process, also from under a handler that still runs in a thread, which Python would wait for."""
    for thread in threading.enumerate():
        if thread.name.startswith(HANDLER_THREAD):
            thread.join(timeout=0.1)
            if thread.is_alive():
                if isinstance(end.code, str):
                    sys.stderr.write(f"{end.code}\n")
                logging.shutdown()
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
    raise end
