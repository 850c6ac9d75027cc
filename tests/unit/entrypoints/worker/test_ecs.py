import json

import attrs
import pytest

from loafer.entrypoints.worker.ecs import IDLE, LASTS, RENEWED_AFTER, RETRY, Protection
from loafer.entrypoints.worker.seen import Seen

BUSY, QUIET = Seen(begun=True, busy=True), Seen(begun=True)
WEDGED = Seen(alive=False, begun=True, busy=True)
DONE = b'{"protection": {"ProtectionEnabled": true, "TaskArn": "arn"}}'


@attrs.define
class Agent:
    """An agent of ECS that notes what is asked, and answers as it is told to; the time is made up."""

    answer: bytes | OSError = DONE
    asked: list[tuple[float, bool, int | None]] = attrs.field(factory=list)
    now: float = 0.0

    def put(self, uri: str, body: bytes) -> bytes:
        assert uri == "http://169.254.170.2/api/x/task-protection/v1/state"
        text = json.loads(body)
        self.asked.append((self.now, text["ProtectionEnabled"], text.get("ExpiresInMinutes")))
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer

    def protection(self) -> Protection:
        return Protection("http://169.254.170.2/api/x", self.put, lambda: self.now)

    def pass_by(self, protection: Protection, seen: Seen, seconds: float) -> None:
        for _ in range(round(seconds)):
            protection.tell(seen)
            self.now += 1


def test_a_task_is_protected_once_it_is_busy_and_let_go_when_it_has_been_idle_for_a_while() -> None:
    agent = Agent()
    protection = agent.protection()
    agent.pass_by(protection, QUIET, 5)
    assert agent.asked == []
    agent.pass_by(protection, BUSY, 20)
    agent.pass_by(protection, QUIET, 60)
    assert agent.asked == [(5, True, LASTS), (24 + IDLE, False, None)]


def test_short_pauses_cost_no_request() -> None:
    agent = Agent()
    protection = agent.protection()
    for _ in range(10):
        agent.pass_by(protection, BUSY, 2)
        agent.pass_by(protection, QUIET, IDLE - 2)
    assert len(agent.asked) == 1


def test_it_is_renewed_before_it_ends() -> None:
    agent = Agent()
    agent.pass_by(agent.protection(), BUSY, 2 * RENEWED_AFTER + 1)
    assert [at for at, _, _ in agent.asked] == [0, RENEWED_AFTER, 2 * RENEWED_AFTER]
    assert RENEWED_AFTER * 2 < LASTS * 60


def test_a_worker_that_does_not_get_on_is_not_kept() -> None:
    agent = Agent()
    protection = agent.protection()
    agent.pass_by(protection, BUSY, 10)
    agent.pass_by(protection, WEDGED, 2 * RENEWED_AFTER)
    assert len(agent.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        OSError("refused"),
        b"",
        b"<html>",
        b"[1]",
        b'{"failure": {"Arn": "arn", "Reason": "DEPLOYMENT_BLOCKED", "Detail": "\\u001b[2J"}}',
        b'{"error": {"Code": "AccessDeniedException", "Message": "no"}}',
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_protected_is_said_once_and_tried_again(
    answer: bytes | OSError, caplog: pytest.LogCaptureFixture
) -> None:
    agent = Agent(answer)
    protection = agent.protection()
    agent.pass_by(protection, BUSY, 2 * RETRY + 1)
    assert [at for at, _, _ in agent.asked] == [0, RETRY, 2 * RETRY]
    [record] = caplog.records
    assert record.getMessage().startswith("the task cannot be protected from scale-in, which is tried again: ")
    assert "\x1b" not in record.getMessage()
    agent.answer = DONE
    agent.pass_by(protection, BUSY, RETRY + 10)
    assert len(agent.asked) == 4


def test_a_protection_is_given_up_in_the_end() -> None:
    agent = Agent()
    protection = agent.protection()
    protection.end()
    assert agent.asked == []
    agent.pass_by(protection, BUSY, 1)
    protection.end()
    assert agent.asked[-1] == (1, False, None)


@pytest.mark.parametrize("uri", ["", "file:///etc/passwd", "https://x"])
def test_without_an_agent_that_is_said(uri: str, caplog: pytest.LogCaptureFixture) -> None:
    assert Protection.of({"ECS_AGENT_URI": uri}) is None
    assert len(caplog.records) == 1


def test_workers_are_seen_together() -> None:
    worker = {"alive": True, "routes": [{"held": 0}], "state": "idle", "not_alive": [], "not_ready": []}
    busy = {**worker, "routes": [{"held": 0}, {"held": 2}], "state": "busy"}
    starting = {**worker, "routes": [], "state": "starting", "not_ready": ["not begun"]}
    wedged = {**busy, "alive": False, "state": "wedged", "not_alive": ["blocked"]}
    assert Seen.of([worker]) == QUIET
    assert Seen.of([worker, busy]) == BUSY
    assert Seen.of([worker, starting]) == Seen(why="not begun")
    assert Seen.of([wedged, busy]) == attrs.evolve(WEDGED, why="blocked")
    assert Seen.of([worker, {**worker, "state": "stopping"}]).stopping
