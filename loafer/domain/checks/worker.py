"""The rules for a worker: its stop, its handlers, its threads, its clock and how it reaches its queues."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import attrs

from loafer.domain.checks.finding import Finding, Level, lasting

ENDING = 8.0
"""Seconds beyond the grace period that a stop takes at most."""

DOCKER, KUBERNETES = 10.0, 30.0
"""Seconds after which these kill a process that was asked to stop, if nobody says anything else."""

SKEWED, REFUSED = 30.0, 900.0
"""Seconds that a clock may be wrong before somebody should look, and beyond which AWS refuses what it signs."""


def of_stop(grace: float, given: float | None) -> Finding:
    """Return what is found of a grace period, where the platform gives a stop so many seconds; None: nobody says."""
    most = grace + ENDING
    text = f"{grace:g} s + {ENDING:g} s"
    if given is not None:
        if most <= given:
            return Finding(Level.OK, "stop", f"{text}, of {given:g} s")
        right = f"or LOAFER_GRACE_PERIOD={max(0.0, given - ENDING):g}"
        return Finding(Level.ERROR, "stop", f"{text}; it is killed after {given:g} s: give it {most:g} s, {right}")
    if most > KUBERNETES:
        right = f"terminationGracePeriodSeconds: {most:g}, or docker's --stop-timeout {most:g}"
        return Finding(Level.WARN, "stop", f"{text}; Kubernetes kills after 30 s, docker stop after 10 s: {right}")
    if most > DOCKER:
        return Finding(Level.WARN, "stop", f"{text}; docker stop kills after 10 s: --stop-timeout {KUBERNETES:g}")
    return Finding(Level.OK, "stop", text)


def of_handling(p99: float | None, visibility: int) -> Finding:
    """Return what is found of how long handlers take, by the last status snapshot; None: there is none."""
    if p99 is None:
        return Finding(Level.UNKNOWN, "handler time", "no worker on this machine has handled anything of it")
    text = f"p99 {lasting(round(p99, 1))} (from the last status snapshot), VT {lasting(visibility)}"
    if p99 > visibility:
        return Finding(Level.WARN, "handler time", f"{text}: fine with the heartbeat; without it, not")
    return Finding(Level.OK, "handler time", text)


def of_threads(needed: int, there: int) -> Finding:
    """Return what is found of the threads that handlers need which are no coroutines."""
    text = f"{needed} of {there} threads needed"
    if needed > there:
        return Finding(Level.WARN, "threads", f"{text}: functions wait; LOAFER_MAX_THREAD_POOL={needed}, or fewer jobs")
    return Finding(Level.OK, "threads", text)


def of_clock(skew: float) -> Finding:
    """Return what is found of this machine's clock, which is so many seconds ahead of AWS's."""
    text = f"{abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) > REFUSED:
        return Finding(Level.ERROR, "clock", f"{text}: AWS refuses what is signed by it; set it, and keep it by NTP")
    if abs(skew) > SKEWED:
        return Finding(Level.WARN, "clock", f"{text}: AWS refuses more than 15 min; set it, and keep it by NTP")
    return Finding(Level.OK, "clock", text)


def of_endpoint(endpoint: str, region: str) -> Finding:
    """Return what is found of how a queue is reached."""
    address = urlsplit(endpoint)
    text = f"region {region}, {endpoint}"
    if address.scheme == "http" and not _is_here(address.hostname):
        return Finding(Level.WARN, "endpoint", f"{text}: messages and tokens can be read on the way; use https://")
    return Finding(Level.OK, "endpoint", text)


def _is_here(host: str | None) -> bool:
    return host is not None and (host in {"localhost", "::1"} or host.startswith("127."))


@attrs.frozen
class Probed:
    """What came of a call that was allowed or denied.

    Attributes:
        action: The permission, such as sqs:DeleteMessage.
        denied: Why it is denied; None: it is not.
        unknown: Why that could not be found out.

    """

    action: str
    denied: str | None = None
    unknown: str | None = None


PROBED = ("sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
"""The permissions that a probe finds out."""


def of_permissions(probed: Sequence[Probed] | None, sends_to: str | None = None) -> Iterator[Finding]:
    """Yield what is found of permissions.

    Args:
        probed: What came of the calls that were made; None: none was.
        sends_to: The name of the dead-letter queue that a worker moves messages to by itself; None: it moves none.

    """
    about = "permissions"
    if probed is None:
        text = f"{', '.join(PROBED)}: not called: --probe"
        yield Finding(Level.UNKNOWN, about, text)
    for each in probed or ():
        if each.denied is not None:
            yield Finding(Level.ERROR, about, f"{each.action} is denied; allow it, as loafer iam says: {each.denied}")
        elif each.unknown is not None:
            yield Finding(Level.UNKNOWN, about, f"{each.action}: {each.unknown}")
    allowed = [each.action for each in probed or () if each.denied is None and each.unknown is None]
    if allowed:
        yield Finding(Level.OK, about, f"{', '.join(allowed)}: allowed")
    yield Finding(Level.UNKNOWN, about, "sqs:ReceiveMessage: never called here, for it costs messages a receive")
    if sends_to is not None:
        text = f"sqs:SendMessage on {sends_to}: never called here, for it would send; loafer iam has it"
        yield Finding(Level.UNKNOWN, about, text)
