"""What hostile answers cost on either transport: no more memory than honest ones, and no pause of the loop."""

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import attrs
import pytest
from endpoints import CREDENTIALS
from hostile import ATTACKS, HONEST, KILO, MEGA, NO_MESSAGES, ROOM, Pieces, answer, hostile, made, messages
from transports import TRANSPORTS

from loafer.adapters.aws.lean.plain import SWITCH

CLIENT = Path(__file__).parent / "hostile_client.py"
LONGEST_PAUSE = 0.050
MOST_MEMORY = 1.3
LARGEST_PLAIN = 10
"""MB that ten messages are at most where nothing in them is escaped."""
IN_FLIGHT = 5
"""MB that may lie in the buffers of both sides."""
TRIES = 3
"""How often a pause is looked at: others use the machine too."""

pytestmark = pytest.mark.slow


@attrs.frozen
class Cost:
    """What one receive took: kB before and at most, seconds of the longest pause; the MB that were sent."""

    before: int
    peak: int
    pause: float
    sent: float
    said: str


def once(pieces: Callable[[], Pieces], transport: str) -> Cost:
    with hostile(made(pieces)) as endpoint:
        environ = {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": endpoint.url, SWITCH: transport}
        done = subprocess.run([sys.executable, str(CLIENT)], env=environ, capture_output=True, check=True)
        found = json.loads(done.stdout)
        return Cost(found["before"], found["peak"], found["pause"], endpoint.sent[0] / MEGA, found["said"])


@cache
def of_honest(size: int, transport: str) -> Cost:
    """Return the cost of ten messages that are so many MB as they are sent."""
    text, room = ("x", size * MEGA) if size <= LARGEST_PLAIN else ("\\u00e9", min(size * MEGA, ROOM) // len("\\u00e9"))
    return once(lambda: iter([answer(messages(*[text * (room // 10 - 2 * KILO)] * 10))]), transport)


def least(pieces: Callable[[], Pieces], transport: str) -> Cost:
    """Return the cost with the shortest pause of some tries; one that is short enough will do."""
    costs: list[Cost] = []
    while len(costs) < TRIES and (not costs or costs[-1].pause > LONGEST_PAUSE):
        costs.append(once(pieces, transport))
    return min(costs, key=lambda cost: cost.pause)


def check(cost: Cost, transport: str, read: float) -> None:
    """Fail unless it costs no more than an honest answer of so many MB."""
    assert cost.pause <= LONGEST_PAUSE
    honest = of_honest(max(1, math.ceil(read)), transport)
    assert cost.peak <= MOST_MEMORY * honest.peak
    if read > 0.9:  # what is smaller than that hardly shows beside the process
        assert cost.peak - cost.before <= MOST_MEMORY * (honest.peak - honest.before)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_answer_costs_no_more_memory_than_an_honest_one_and_no_pause(attack: str, transport: str) -> None:
    cost = least(ATTACKS[attack], transport)
    assert re.search("UnreadableAnswer|HTTPClientError|ConnectionClosedError|TimeoutError", cost.said)
    # What is cut off early has sent more than was read.
    check(cost, transport, min(cost.sent, 1) if cost.sent < IN_FLIGHT else cost.sent)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", NO_MESSAGES)
def test_nor_does_what_is_no_message(kind: str, transport: str) -> None:
    cost = least(lambda: iter([answer(NO_MESSAGES[kind]())]), transport)
    assert cost.said == "0 messages"
    check(cost, transport, cost.sent)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", HONEST)
def test_an_honest_answer_makes_no_pause_however_large(kind: str, transport: str) -> None:
    assert least(lambda: iter([answer(HONEST[kind]())]), transport).pause <= LONGEST_PAUSE
