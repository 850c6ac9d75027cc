"""Whether a worker is alive and ready, and why not, in words."""

from collections.abc import Iterator

from loafer.application.status import RouteStatus, Status

TICKS = 3
"""Ticks of the heartbeat after which it is taken for dead."""

LONGEST_ANSWER = 15.0
"""Seconds beyond its wait time after which a receive that is under way is taken for dead."""

TROUBLED = 30.0
"""Seconds of trouble after which a route is not ready."""


def not_alive(status: Status, live_limit: float) -> list[str]:
    """Return why a worker is to be killed; nothing if it is alive, whether its sources answer or not."""
    return list(_not_alive(status, live_limit))


def not_ready(status: Status) -> list[str]:
    """Return why a worker is not ready; nothing if it is."""
    reasons = ["it is stopping"] if status.stopping else []
    if not status.routes:
        reasons.append("it has not begun to receive")
    return [*reasons, *(reason for route in status.routes if not route.paused for reason in _route_not_ready(route))]


def _not_alive(status: Status, live_limit: float) -> Iterator[str]:
    if status.heartbeat > TICKS * status.tick:
        yield f"the heartbeat last ticked {status.heartbeat:.1f} s ago, and should every {status.tick:.2g} s"
    if status.blocked > live_limit:
        yield f"the event loop has not answered for {status.blocked:.1f} s: something blocks it"
    for route in status.routes:
        if route.overdue is not None and route.overdue > LONGEST_ANSWER:
            yield f"route {route.name}: a receive has taken {route.overdue:.0f} s longer than it waits"


def _route_not_ready(route: RouteStatus) -> Iterator[str]:
    if route.last_receive is None:
        yield f"route {route.name}: no receive has been answered yet"
    if route.trouble is not None and (route.trouble_for >= TROUBLED or route.last_receive is None):
        yield f"route {route.name}: in trouble for {route.trouble_for:.0f} s: {route.trouble}"


def word_for(status: Status, live_limit: float) -> str:
    """Return in a word how a worker is: wedged, stopping, starting, in trouble, paused, busy or idle."""
    if not_alive(status, live_limit):
        return "wedged"
    if status.stopping:
        return "stopping"
    if any(route.trouble for route in status.routes):
        return "in trouble"
    if any(route.last_receive is None for route in status.routes if not route.paused) or not status.routes:
        return "starting"
    if status.routes and all(route.paused for route in status.routes):
        return "paused"
    return "busy" if any(route.jobs for route in status.routes) else "idle"
