"""Every line that a check can say of a worker, as it stands, and where one begins and the next one ends."""

from collections.abc import Iterable

import pytest

from loafer.domain.checks.finding import Finding
from loafer.domain.checks.worker import (
    Probed,
    of_clock,
    of_endpoint,
    of_handling,
    of_permissions,
    of_stop,
    of_threads,
)


def lines(findings: Iterable[Finding]) -> list[str]:
    return [f"{each.level} {each.about}: {each.text}" for each in findings]


BOTH_KILL = "Kubernetes kills after 30 s, docker stop after 10 s"
BOTH_GIVE = "terminationGracePeriodSeconds: 30.5, or docker's --stop-timeout 30.5"


@pytest.mark.parametrize(
    ("grace", "given", "said"),
    [
        (20.5, 28.5, "OK stop: 20.5 s + 8 s, of 28.5 s"),
        (0, 8.5, "OK stop: 0 s + 8 s, of 8.5 s"),
        (21, 28.5, "ERROR stop: 21 s + 8 s; it is killed after 28.5 s: give it 29 s, or LOAFER_GRACE_PERIOD=20.5"),
        (1, 8.5, "ERROR stop: 1 s + 8 s; it is killed after 8.5 s: give it 9 s, or LOAFER_GRACE_PERIOD=0.5"),
        (1, 3, "ERROR stop: 1 s + 8 s; it is killed after 3 s: give it 9 s, or LOAFER_GRACE_PERIOD=0"),
        (2, None, "OK stop: 2 s + 8 s"),
        (2.5, None, "WARN stop: 2.5 s + 8 s; docker stop kills after 10 s: --stop-timeout 30"),
        (22, None, "WARN stop: 22 s + 8 s; docker stop kills after 10 s: --stop-timeout 30"),
        (22.5, None, f"WARN stop: 22.5 s + 8 s; {BOTH_KILL}: {BOTH_GIVE}"),
    ],
)
def test_a_stop_ends_before_the_platform_kills(grace: float, given: float | None, said: str) -> None:
    assert lines([of_stop(grace, given)]) == [said]


SNAPSHOT = "(from the last status snapshot)"


@pytest.mark.parametrize(
    ("p99", "said"),
    [
        (None, "? handler time: no worker on this machine has handled anything of it"),
        (0.0, f"OK handler time: p99 0 s {SNAPSHOT}, VT 30 s"),
        (1.26, f"OK handler time: p99 1.3 s {SNAPSHOT}, VT 30 s"),
        (9.96, f"OK handler time: p99 10 s {SNAPSHOT}, VT 30 s"),
        (30.0, f"OK handler time: p99 30 s {SNAPSHOT}, VT 30 s"),
        (30.1, f"WARN handler time: p99 30.1 s {SNAPSHOT}, VT 30 s: fine with the heartbeat; without it, not"),
    ],
)
def test_handlers_are_compared_with_the_visibility_timeout(p99: float | None, said: str) -> None:
    assert lines([of_handling(p99, 30)]) == [said]


def test_threads_are_compared_with_what_handlers_need() -> None:
    assert lines([of_threads(3, 3), of_threads(4, 3)]) == [
        "OK threads: 3 of 3 threads needed",
        "WARN threads: 4 of 3 threads needed: functions wait; LOAFER_MAX_THREAD_POOL=4, or fewer jobs",
    ]


@pytest.mark.parametrize(
    ("skew", "said"),
    [
        (0.5, "OK clock: 0.5 s ahead"),
        (0, "OK clock: 0.0 s behind"),
        (30, "OK clock: 30.0 s ahead"),
        (-30, "OK clock: 30.0 s behind"),
        (-30.5, "WARN clock: 30.5 s behind: AWS refuses more than 15 min; set it, and keep it by NTP"),
        (900, "WARN clock: 900.0 s ahead: AWS refuses more than 15 min; set it, and keep it by NTP"),
        (900.5, "ERROR clock: 900.5 s ahead: AWS refuses what is signed by it; set it, and keep it by NTP"),
        (-900.5, "ERROR clock: 900.5 s behind: AWS refuses what is signed by it; set it, and keep it by NTP"),
    ],
)
def test_a_clock_is_told_by_how_much_it_is_wrong(skew: float, said: str) -> None:
    assert lines([of_clock(skew)]) == [said]


@pytest.mark.parametrize(
    ("endpoint", "safe"),
    [
        ("https://sqs.eu-west-1.amazonaws.com", True),
        ("http://localhost:9324", True),
        ("http://[::1]:9324", True),
        ("http://127.0.0.1", True),
        ("http://127.1.2.3", True),
        ("http://sqs:9324", False),
        ("http://10.127.0.1", False),
        ("http://", False),
    ],
)
def test_what_goes_to_another_machine_goes_encrypted(endpoint: str, safe: bool) -> None:
    said = f"endpoint: region eu-west-1, {endpoint}"
    wrong = f"WARN {said}: messages and tokens can be read on the way; use https://"
    assert lines([of_endpoint(endpoint, "eu-west-1")]) == [f"OK {said}" if safe else wrong]


RECEIVED = "? permissions: sqs:ReceiveMessage: never called here, for it costs messages a receive"


def test_permissions_that_nobody_probed_are_not_known() -> None:
    unknown = "? permissions: sqs:DeleteMessage, sqs:ChangeMessageVisibility: not called: --probe"
    assert lines(of_permissions(None)) == [unknown, RECEIVED]
    assert lines(of_permissions([])) == [RECEIVED]


def test_permissions_are_told_by_what_a_probe_found() -> None:
    probed = [Probed("sqs:A"), Probed("sqs:B", denied="no"), Probed("sqs:C", unknown="no answer"), Probed("sqs:D")]
    assert lines(of_permissions(probed, "dead")) == [
        "ERROR permissions: sqs:B is denied; allow it, as loafer iam says: no",
        "? permissions: sqs:C: no answer",
        "OK permissions: sqs:A, sqs:D: allowed",
        RECEIVED,
        "? permissions: sqs:SendMessage on dead: never called here, for it would send; loafer iam has it",
    ]
