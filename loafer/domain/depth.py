"""How much is on a source, and how long that will take."""

import attrs


@attrs.frozen(slots=True)
class Depth:
    """How many messages a source has, roughly.

    Attributes:
        visible: Those that a receive may bring.
        in_flight: Those that somebody has received and not settled.
        delayed: Those that are not to be received yet.

    """

    visible: int
    in_flight: int = 0
    delayed: int = 0


@attrs.frozen
class Backlog:
    """What was found out of a source.

    Attributes:
        depth: How many messages it has.
        seconds: How long what can be received will take at the pace of the last minute; None: nothing was done in it.

    """

    depth: Depth
    seconds: float | None = None


def backlog_of(depth: Depth, done: int, seconds: float) -> Backlog:
    """Return what a depth means where so many messages were done in so many seconds."""
    if not depth.visible:
        return Backlog(depth, 0.0)
    return Backlog(depth, depth.visible * seconds / done if done > 0 and seconds > 0 else None)
