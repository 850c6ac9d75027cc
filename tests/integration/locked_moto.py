"""moto's server, whose queues add and delete one message at a time: python locked_moto.py -H HOST -p PORT

Its threads have no lock for that: two deletes at once each write a list that still has what the other one took out.
"""

import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.server import main
from moto.sqs.models import Queue

LOCK = threading.RLock()


def one_at_a_time(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that one thread runs at a time."""

    @wraps(method)
    def locked(*args: Any, **options: Any) -> Any:
        with LOCK:
            return method(*args, **options)

    return locked


if __name__ == "__main__":
    for name in ("add_message", "delete_message"):
        setattr(Queue, name, one_at_a_time(getattr(Queue, name)))
    main(sys.argv[1:])
