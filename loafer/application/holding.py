"""What a worker holds, message by message, as values that any thread may ask for."""

from collections.abc import Iterator

import attrs

from loafer.application.stacks import stack_of
from loafer.application.status import View
from loafer.domain.lease import Lease
from loafer.domain.limits import LONGEST_LEASE


@attrs.frozen(kw_only=True)
class Held:
    """A message that is held; times are in seconds.

    Attributes:
        id: Its id.
        route: The name of its route; of several routes of one source, that of the source.
        what: What becomes of it: `runs`, `waits`, `waits to be deleted` or `waits to be given back`.
        age: Since when it is held.
        handled: Since when its handler has it; None: none has.
        attempt: The number of this attempt, from 1.
        lease_left: For how long it stays ours, if its lease is not renewed.

    """

    id: str
    route: str
    what: str
    age: float
    handled: float | None
    attempt: int
    lease_left: float


def held_in(view: View) -> list[Held]:
    """Return everything that is held: first what handlers have, what they have had for longest at the top."""
    now = view.clock()
    running = {lease: handling.seconds for _, _, lease, handling in view.handled()}
    found = [
        Held(
            id=lease.message.id,
            route=lane.route.name,
            what="runs" if lease in running else what_waits(lease),
            age=_age(lease, now),
            handled=running.get(lease),
            attempt=lease.attempts,
            lease_left=lease.deadline - now,
        )
        for lane, lease in view.held()
    ]
    return sorted(found, key=lambda each: (each.handled is None, -(each.handled or each.age)))


def what_waits(lease: Lease) -> str:
    """Return what a message that no handler has waits for, in words."""
    return "waits to be deleted" if lease.settling else "waits to be given back" if lease.released else "waits"


def stacks_in(view: View, id: str | None = None) -> Iterator[tuple[str, str, str]]:  # noqa: A002 - what it is
    """Yield the id, the route and the stack of what handlers have: of the message of this id, or of all."""
    for task, lane, lease, handling in view.handled():
        if id is None or id == handling.id:
            yield handling.id, lane.route.name, stack_of(task, lease, view.loop_thread)


def _age(lease: Lease, now: float) -> float:
    """Return since when a message is held: what SQS extends it until is counted from its receive."""
    return max(0.0, now - (lease.ends_at - LONGEST_LEASE))
