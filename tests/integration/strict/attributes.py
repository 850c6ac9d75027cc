"""A queue's attributes, as CreateQueue and SetQueueAttributes take them."""

import json
from collections.abc import Mapping

import attrs
from strict.stored import Refusal

_RANGES = {
    "VisibilityTimeout": (0, 43_200),
    "DelaySeconds": (0, 900),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "MaximumMessageSize": (1_024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
}
_CHOICES = {
    "FifoQueue": ("true", "false"),
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_FIFO_ONLY = ("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
_FREE = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "SqsManagedSseEnabled")
ARN = "arn:aws:sqs:us-east-1:000000000000:"


@attrs.frozen
class Settings:
    """What a queue is set to."""

    visibility: int = 30
    delay: int = 0
    wait: int = 0
    largest: int = 1_048_576
    by_content: bool = False
    by_group: bool = False
    attempts: int | None = None
    dead_letters: str | None = None


def settings_of(name: str, attributes: Mapping[str, str]) -> Settings:
    """Return what a queue with these attributes is set to; Refusal names what SQS would not take."""
    fifo = name.endswith(".fifo")
    for key, value in attributes.items():
        _check(key, value, fifo=fifo)
    if fifo != (attributes.get("FifoQueue") == "true"):
        raise Refusal("InvalidParameterValue", "a FIFO queue has FifoQueue=true and a name that ends in .fifo")
    attempts, dead_letters = _redrive(attributes.get("RedrivePolicy"), fifo=fifo)
    return Settings(
        visibility=int(attributes.get("VisibilityTimeout", 30)),
        delay=int(attributes.get("DelaySeconds", 0)),
        wait=int(attributes.get("ReceiveMessageWaitTimeSeconds", 0)),
        largest=int(attributes.get("MaximumMessageSize", 1_048_576)),
        by_content=attributes.get("ContentBasedDeduplication") == "true",
        by_group=attributes.get("DeduplicationScope") == "messageGroup",
        attempts=attempts,
        dead_letters=dead_letters,
    )


def _check(key: str, value: str, *, fifo: bool) -> None:
    if key not in (*_RANGES, *_CHOICES, *_FREE) or (key in _FIFO_ONLY and not fifo):
        raise Refusal("InvalidAttributeName", f"Unknown Attribute {key}.")
    if key in _RANGES:
        low, high = _RANGES[key]
        fits = str(value).isdecimal() and low <= int(value) <= high
    else:
        fits = value in _CHOICES.get(key, (value,))
    if not fits:
        raise Refusal("InvalidAttributeValue", f"Invalid value for the parameter {key}.")


def _redrive(policy: str | None, *, fifo: bool) -> tuple[int | None, str | None]:
    if not policy:
        return None, None
    try:
        decoded = json.loads(policy)
        attempts, arn = int(decoded["maxReceiveCount"]), str(decoded["deadLetterTargetArn"])
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal("InvalidParameterValue", f"Value {policy} for parameter RedrivePolicy is invalid.") from error
    if not 1 <= attempts <= 1_000 or not arn.startswith(ARN) or arn.endswith(".fifo") != fifo:
        raise Refusal("InvalidParameterValue", f"Value {policy} for parameter RedrivePolicy is invalid.")
    return attempts, arn.removeprefix(ARN)
