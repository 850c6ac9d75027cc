"""The metrics that a status has."""

from collections.abc import Callable, Iterator

import attrs

from loafer.application.health import not_alive, not_ready
from loafer.application.status import RouteStatus, Status
from loafer.domain.metrics import Across, Family, Labels, Sample

Value = Callable[[RouteStatus], float]

_GAUGES: dict[str, tuple[str, Value, Across]] = {
    "loafer_held_messages": ("Messages that are received and not yet settled.", lambda route: route.held, "sum"),
    "loafer_running_handlers": ("Handlers that run.", lambda route: route.jobs, "sum"),
    "loafer_waiting_messages": ("Messages that wait for a handler.", lambda route: route.waiting, "sum"),
    "loafer_oldest_running_seconds": (
        "Since when a handler has had the message that it has had for longest; 0: none runs.",
        lambda route: 0.0 if route.oldest is None else route.oldest.seconds,
        "max",
    ),
    "loafer_in_trouble": (
        "1: something does not work, and is tried again.",
        lambda route: float(route.trouble is not None),
        "max",
    ),
}

_COUNTERS = {
    "loafer_leases_lost": ("Leases that the source refused to extend.", "leases_lost"),
    "loafer_leases_late": ("Leases that ended without an extension.", "leases_ended"),
    "loafer_stale_messages": ("Messages deleted after their leases had ended.", "stale"),
    "loafer_duplicate_messages": ("Messages received while they were held.", "duplicates"),
    "loafer_dead_lettered_messages": ("Messages moved to a dead-letter queue.", "dead_lettered"),
}


def families_of(status: Status, live_limit: float) -> Iterator[Family]:
    """Yield the metrics that a status has."""
    yield _one("loafer_alive", "1: alive; 0: not.", float(not not_alive(status, live_limit)), "min")
    yield _one("loafer_ready", "1: ready; 0: not.", float(not not_ready(status)), "min")
    yield _one("loafer_up_seconds", "Since when the worker runs.", status.up, "min")
    yield _one("loafer_loop_blocked_seconds", "For how long the event loop has not answered.", status.blocked, "max")
    yield _one("loafer_heartbeat_age_seconds", "How long ago the heartbeat ticked.", status.heartbeat, "max")
    for name, (meaning, value, across) in _GAUGES.items():
        samples = [Sample(_source(route), value(route)) for route in status.routes]
        yield Family(name, "gauge", meaning, tuple(samples), across)
    heard = [(route, route.last_receive) for route in status.routes if route.last_receive is not None]
    stamps = tuple(Sample(_source(route), status.at - ago) for route, ago in heard)
    yield Family("loafer_last_receive_timestamp_seconds", "gauge", "When a receive was answered last.", stamps, "max")
    yield from _backlogs(status)
    for name, (meaning, count) in _COUNTERS.items():
        samples = [Sample(_source(route), route.counts.get(count, 0)) for route in status.routes]
        yield Family(name, "counter", meaning, tuple(samples))


def _backlogs(status: Status) -> Iterator[Family]:
    """Yield how much is on the sources: several workers see the same, and finish it together."""
    known = [(_source(route), route.backlog) for route in status.routes if route.backlog is not None]
    depths = tuple(
        Sample((*labels, ("state", state)), number)
        for labels, backlog in known
        for state, number in attrs.asdict(backlog.depth).items()
    )
    yield Family("loafer_queue_depth_messages", "gauge", "Messages on the source, roughly.", depths, "max")
    times = tuple(Sample(labels, backlog.seconds) for labels, backlog in known if backlog.seconds is not None)
    meaning = "How long what can be received will take at the pace of the last minute."
    yield Family("loafer_drain_eta_seconds", "gauge", meaning, times, "together")


def _one(name: str, meaning: str, value: float, across: Across) -> Family:
    return Family(name, "gauge", meaning, (Sample((), value),), across)


def _source(route: RouteStatus) -> Labels:
    return (("route", route.name), ("source", route.source))
