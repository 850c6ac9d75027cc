"""What the strict endpoint does wrong on request: by operation, switched on and off at run time."""

import random
from collections.abc import Mapping
from typing import Any

import attrs
from strict.stored import Refusal

UNCODED: dict[str, tuple[int, bytes, bytes]] = {
    "proxy": (403, b"Content-Type: text/html\r\n", b"<html><head><title>403 Forbidden</title></head></html>"),
    "redirect": (307, b"Location: http://127.0.0.1:1/login\r\nContent-Type: text/html\r\n", b""),
    "empty": (403, b"", b""),
    "other": (
        400,
        b"Content-Type: application/json\r\n",
        b'{"fault": {"code": 17, "reason": ["no", "code"]}}',
    ),
}
"""Answers without an error code of SQS, by the names that `uncoded` takes: status, headers, body."""

EVERY = "*"


@attrs.define
class Fault:
    """What happens to the calls of an operation.

    Attributes:
        denied: Whether they are answered with AccessDenied.
        uncoded: Which of UNCODED they are answered with, and not applied; empty: none.
        throttled: The rate, 0 to 1, at which they are throttled.
        lost: The rate at which they are applied and the connection is closed instead of an answer.
        failed: The rate at which the entries of a batch fail, unapplied.
        hold: How many seconds they wait before they are applied.
        before: Up to how many seconds they wait before that, besides.
        after: Up to how many seconds they wait afterwards, before they are answered.
        times: How many more calls it is for; None: all.

    """

    denied: bool = False
    uncoded: str = ""
    throttled: float = 0.0
    lost: float = 0.0
    failed: float = 0.0
    hold: float = 0.0
    before: float = 0.0
    after: float = 0.0
    times: int | None = None


CALM = Fault()


@attrs.define
class Faults:
    """The faults of an endpoint, by operation; those of EVERY are for operations that have none of their own."""

    by_operation: dict[str, Fault] = attrs.field(factory=dict)
    dice: random.Random = attrs.field(factory=random.Random)

    def set(self, faults: Mapping[str, Mapping[str, Any]], seed: int | None = None) -> None:
        """Have these faults and no others."""
        self.by_operation = {operation: Fault(**fault) for operation, fault in faults.items()}
        self.dice = random.Random(seed)

    def of(self, operation: str) -> Fault:
        """Return what happens to one call of an operation, which counts as one of its times."""
        fault = self.by_operation.get(operation) or self.by_operation.get(EVERY) or CALM
        if fault.times is None:
            return fault
        fault.times -= 1
        return fault if fault.times >= 0 else CALM

    def strikes(self, rate: float) -> bool:
        return rate > 0 and self.dice.random() < rate

    def lag(self, most: float) -> float:
        """Return how long a call waits, of `most` seconds."""
        return self.dice.random() * most

    def refusal(self, fault: Fault, operation: str) -> Refusal | None:
        """Return the error that a call is answered with; None: it is applied."""
        if fault.denied:
            who = "User: arn:aws:iam::000000000000:user/testing is not authorized to perform"
            return Refusal("AccessDenied", f"{who}: sqs:{operation.lower().removesuffix('batch')}", 403)
        if self.strikes(fault.throttled):
            return Refusal("RequestThrottled", "Request is throttled.", 403)
        return None
