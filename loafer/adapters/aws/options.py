"""The consumer options: ReceiveMessage's parameters, checked before anything is called."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from loafer.adapters.aws.attempts import PARAMETER
from loafer.domain.limits import LARGEST_BATCH, LONGEST_VISIBILITY, LONGEST_WAIT
from loafer.exceptions import ConfigurationError

_RANGES = {
    "WaitTimeSeconds": (0, LONGEST_WAIT),
    "MaxNumberOfMessages": (1, LARGEST_BATCH),
    "VisibilityTimeout": (1, LONGEST_VISIBILITY),
}
_LISTS = ("AttributeNames", "MessageAttributeNames", "MessageSystemAttributeNames")
_OURS = {
    "QueueUrl": "the source says which queue",
    PARAMETER: "it belongs to one call, and an option is part of all",
}
_SYSTEM_ATTRIBUTES = (
    "ApproximateReceiveCount", "SentTimestamp", "MessageGroupId", "MessageDeduplicationId", "AWSTraceHeader",
)  # fmt: skip


@attrs.frozen
class ReceiveOptions:
    """What ReceiveMessage is asked for.

    Attributes:
        wait_time: Seconds that a poll waits for a first message.
        batch_size: How many messages a poll brings at most.
        visibility_timeout: Seconds that a received message stays invisible; None leaves it to the queue.
        parameters: The call's other parameters.

    """

    wait_time: int
    batch_size: int
    visibility_timeout: int | None
    parameters: Mapping[str, Sequence[str]]


def receive_options(options: Mapping[str, Any]) -> ReceiveOptions:
    """Return the options with their defaults; ConfigurationError names every mistake, one a line."""
    mistakes = [mistake for name, value in options.items() if (mistake := _mistake(name, value))]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return ReceiveOptions(
        wait_time=options.get("WaitTimeSeconds", 5),
        batch_size=options.get("MaxNumberOfMessages", 5),
        visibility_timeout=options.get("VisibilityTimeout"),
        parameters=_parameters(options),
    )


def _parameters(options: Mapping[str, Any]) -> dict[str, list[str]]:
    # What is asked for beyond this is added: without the whole a message could not be ordered, nor moved as it is.
    parameters = {name: list(options[name]) for name in _LISTS if name in options}
    for name, needed in (("MessageSystemAttributeNames", _SYSTEM_ATTRIBUTES), ("MessageAttributeNames", ("All",))):
        parameters[name] = list(dict.fromkeys([*needed, *parameters.get(name, ())]))
    return parameters


def _mistake(name: object, value: object) -> str | None:
    if name in _OURS:
        return f"consumer option {name}: not allowed: {_OURS[str(name)]}"
    if name in _RANGES:
        return _check(
            name, value, _in_range(*_RANGES[str(name)]), "a whole number from {} to {}".format(*_RANGES[str(name)])
        )
    if name in _LISTS:
        return _check(name, value, _is_names, "a list of names")
    import difflib  # noqa: PLC0415 - only a mistake needs it

    near = difflib.get_close_matches(str(name), [*_RANGES, *_LISTS], n=1, cutoff=0.0)
    return f"consumer option {name}: unknown; the nearest known one is {near[0]}"


def _check(name: object, value: object, fits: Callable[[object], bool], right: str) -> str | None:
    return None if fits(value) else f"consumer option {name}: {value!r} is not {right}"


def _in_range(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_names(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)
