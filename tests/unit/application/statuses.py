"""What a route says of itself that has nothing to do."""

from loafer.application.status import RouteStatus

QUIET = RouteStatus(
    name="orders",
    source="orders",
    jobs=0,
    limit=10,
    held=0,
    waiting=0,
    oldest=None,
    last_receive=1.0,
    overdue=None,
    trouble=None,
    trouble_for=0.0,
    paused=False,
    counts={},
    causes={},
    p50=None,
    p99=None,
)
