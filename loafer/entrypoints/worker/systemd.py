"""Tells systemd when a service is ready, that it stops, and that it is alive: a unit of `Type=notify`."""

import logging
import os
import socket
from collections.abc import Mapping

import attrs

from loafer.domain.shown import printable
from loafer.entrypoints.worker.seen import Seen

logger = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that a notice may take."""

LONGEST = 200
"""Characters of a status."""


@attrs.define(eq=False)
class Systemd:
    """Tells systemd.

    Attributes:
        address: The socket that systemd listens at.
        watched: Whether systemd restarts a service that does not say that it is alive.

    """

    address: str
    watched: bool = False
    _said: set[str] = attrs.field(factory=set, init=False)
    _status: str = attrs.field(default="", init=False)
    _failed: bool = attrs.field(default=False, init=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Systemd | None":
        """Return who tells systemd; None: it has not started this process, or wants to hear nothing."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return None
        pid = environ.get("WATCHDOG_PID", "")
        watched = environ.get("WATCHDOG_USEC", "").isdecimal() and pid in ("", str(os.getpid()))
        return cls(f"\0{address[1:]}" if address.startswith("@") else address, watched)

    def tell(self, seen: Seen) -> None:
        """Tell what is new, and that the workers are alive while they are."""
        news = [*self._once("READY=1", when=seen.begun), *self._once("STOPPING=1", when=seen.stopping)]
        status = printable(seen.why)[:LONGEST] or "receiving"
        if status != self._status:
            self._status = status
            news.append(f"STATUS={status}")
        if self.watched and seen.alive:
            news.append("WATCHDOG=1")
        self._send(news)

    def end(self) -> None:
        """Tell that the service stops."""
        self._send(self._once("STOPPING=1", when=True))

    def _once(self, what: str, *, when: bool) -> list[str]:
        if not when or what in self._said:
            return []
        self._said.add(what)
        return [what]

    def _send(self, news: list[str]) -> None:
        if not news:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
                connection.settimeout(PATIENCE)
                connection.sendto("\n".join(news).encode(), self.address)
        except (OSError, ValueError) as error:
            if not self._failed:
                self._failed = True
                logger.warning("systemd cannot be told how the workers are, which is said once: %s", error)
