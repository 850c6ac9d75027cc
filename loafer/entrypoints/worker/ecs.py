"""Asks ECS not to stop this task when it scales in, for as long as messages are held."""

import json
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import attrs

from loafer.domain.shown import printable
from loafer.entrypoints.worker.seen import Seen

logger = logging.getLogger(__name__)

LASTS = 15
"""Minutes that a protection lasts; a worker that does not get on any more is not protected for longer."""

RENEWED_AFTER = 5 * 60.0
"""Seconds after which it is asked for again, while messages are held."""

IDLE = 10.0
"""Seconds without a message after which it is given up: ECS takes few requests a second."""

RETRY = 20.0
"""Seconds until what failed is tried again."""

PATIENCE = 3.0
"""Seconds in which the agent has to answer."""

LARGEST_ANSWER = 65536
"""Bytes of an answer that are read."""

Put = Callable[[str, bytes], bytes]
"""Puts a body to a URI and returns the answer; raises OSError."""


def put(uri: str, body: bytes) -> bytes:
    """Put a body and return the answer, whatever its status.

    Raises:
        OSError: there was none.

    """
    try:
        where = urlsplit(uri)
        with closing(HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)) as connection:
            connection.connect()
            with _within(PATIENCE, connection.sock):
                connection.request("PUT", where.path, body, {"Content-Type": "application/json"})
                return connection.getresponse().read(LARGEST_ANSWER)
    except (HTTPException, ValueError) as error:
        raise OSError(f"no answer of HTTP: {type(error).__name__}") from error


@contextmanager
def _within(seconds: float, connection: socket.socket) -> Iterator[None]:
    """End a connection after a time, whatever still comes: a timeout of its own begins anew with every byte.

    Raises:
        OSError: the time was over.

    """
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, HTTPException) as error:  # what an end in the middle looks like is a matter of what came last
        if not late.is_set():
            raise
        raise OSError("no answer in time") from error
    finally:
        timer.cancel()
    if late.is_set():
        raise OSError("no answer in time")


@attrs.define(eq=False)
class Protection:
    """Keeps the task protected while it is busy.

    Attributes:
        agent: The URI of the agent, which ECS gives to each container.
        put: Puts to it.
        clock: Seconds that never go back.

    """

    agent: str
    put: Put = put
    clock: Callable[[], float] = time.monotonic
    _protected: bool = attrs.field(default=False, init=False)
    _renewed_at: float = attrs.field(default=-math.inf, init=False)
    _not_before: float = attrs.field(default=-math.inf, init=False)
    """When something is asked for next, at the earliest."""
    _busy: float = attrs.field(default=-math.inf, init=False)
    """When it was busy last."""
    _failed: bool = attrs.field(default=False, init=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Protection | None":
        """Return what protects this task; None: it is no task of ECS, which is logged."""
        agent = environ.get("ECS_AGENT_URI", "")
        if not agent.startswith("http://"):
            logger.warning("LOAFER_ECS_PROTECTION is on, and ECS_AGENT_URI is no URI of an agent: nothing is protected")
            return None
        return cls(agent)

    def tell(self, seen: Seen) -> None:
        """Protect the task where it is busy and gets on, and let it go once it has been idle for a while."""
        now = self.clock()
        if seen.busy:
            self._busy = now
        if now < self._not_before:
            return
        if seen.busy and seen.alive:
            if not self._protected or now - self._renewed_at >= RENEWED_AFTER:
                self._ask(now, protected=True)
        elif self._protected and not seen.busy and now - self._busy >= IDLE:
            self._ask(now, protected=False)

    def end(self) -> None:
        """Give the protection up."""
        if self._protected:
            self._ask(self.clock(), protected=False)

    def _ask(self, now: float, *, protected: bool) -> None:
        asked = {"ProtectionEnabled": True, "ExpiresInMinutes": LASTS} if protected else {"ProtectionEnabled": False}
        why = self._refusal(asked)
        if not why:
            self._protected, self._failed, self._renewed_at = protected, False, now
            return
        self._not_before = now + RETRY
        if not self._failed:
            self._failed = True
            logger.warning("the task cannot be protected from scale-in, which is tried again: %s", why)

    def _refusal(self, asked: Mapping[str, object]) -> str:
        """Return why the agent did not do what it was asked for; empty: it did."""
        try:
            answer = json.loads(
                self.put(f"{self.agent.rstrip('/')}/task-protection/v1/state", json.dumps(asked).encode())
            )
        except (OSError, ValueError, RecursionError) as error:
            return printable(str(error)) or type(error).__name__
        if isinstance(answer, dict) and "protection" in answer:
            return ""
        refused = (answer.get("failure") or answer.get("error")) if isinstance(answer, dict) else None
        return printable(str(refused or "an answer that is not understood"))[:300]
