"""Dead letters on the strict endpoint, and what is looked at after `loafer dlq` was there."""

import json
from collections.abc import Callable
from typing import Any

import click.testing
from strict.strict_control import StrictEndpoint

Dlq = Callable[..., click.testing.Result]
REASON = {"error": "KeyError", "place": "shop.orders:charge:41", "fingerprint": "e7c1aaaa", "attempts": "5"}


def dead_letters(strict: StrictEndpoint, count: int = 25, suffix: str = "") -> tuple[str, str]:
    """Return a queue and its dead-letter queue, with the bodies {"n": 0} and on; every second one has a reason."""
    queue, dead = strict.create_redriven(f"orders{suffix}", 3)
    for number in range(count):
        more: dict[str, Any] = (
            {"MessageGroupId": f"g{number % 3}", "MessageDeduplicationId": str(number)} if suffix else {}
        )
        if number % 2:
            reason = {"DataType": "String", "StringValue": json.dumps(REASON)}
            more["MessageAttributes"] = {"loafer.reason": reason, "own": {"DataType": "String", "StringValue": "x"}}
        url = f"{strict.url}/000000000000/{dead}"
        strict.call("SendMessage", QueueUrl=url, MessageBody=json.dumps({"n": number}), **more)
    return queue, dead


def bodies(strict: StrictEndpoint, queue: str) -> list[int]:
    return [json.loads(event.detail)["n"] for event in strict.history(queue, "sent")]


def untouched(strict: StrictEndpoint, dead: str, count: int = 25) -> bool:
    return strict.counts(dead) == {"visible": count, "in_flight": 0, "delayed": 0}


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")
