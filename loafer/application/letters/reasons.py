"""Why a message was given up, written into the attributes of its copy and read from them again."""

import json
from collections.abc import Mapping
from typing import Any

import attrs

from loafer.domain.failure import FOLDED, NAMES, Reason
from loafer.domain.limits import LARGEST_MESSAGE, MOST_ATTRIBUTES, size_of
from loafer.domain.message import Attribute, Message, OutgoingMessage

_FIELDS = {name: name.partition(".")[2] for name in NAMES}
_NUMBERS = {"attempts", "failed_at"}
LONGEST = 256
"""Characters of each that are kept: a place may be deep, and the name of a type long."""


def explained(message: Message, reason: Reason, largest: int = LARGEST_MESSAGE) -> Message | None:
    """Return a message with a reason in its attributes: one each, or one for all; None where there is no room for it.

    A reason that it carries already, from an earlier time, gives way.
    """
    own = {name: value for name, value in message.attributes.items() if name not in NAMES and name != FOLDED}
    values = {name: _text(getattr(reason, field)) for name, field in _FIELDS.items()}
    each = {
        name: Attribute(value, "Number" if _FIELDS[name] in _NUMBERS else "String")
        for name, value in values.items()
        if value
    }
    folded = json.dumps({_FIELDS[name]: value for name, value in values.items() if value}, ensure_ascii=True)
    for attributes in ({**own, **each}, {**own, FOLDED: Attribute(folded)}):
        fits = size_of(OutgoingMessage(message.body, attributes)) <= largest
        if len(attributes) <= MOST_ATTRIBUTES and fits:
            return attrs.evolve(message, attributes=attributes)
    return None


def reason_of(attributes: Mapping[str, Attribute]) -> Reason | None:
    """Return the reason in a message's attributes; None where there is none, or what is no reason."""
    if FOLDED in attributes:
        written = _folded(attributes[FOLDED].value)
    else:
        written = {_FIELDS[name]: attributes[name].value for name in NAMES if name in attributes}
    if not isinstance(written.get("error"), str) or not written["error"]:
        return None
    texts = {name: value if isinstance(value, str) else "" for name, value in written.items() if name not in _NUMBERS}
    return Reason(attempts=int(_number(written.get("attempts"))), failed_at=_number(written.get("failed_at")), **texts)


def ids_of(message: Message) -> set[str]:
    """Return the ids that a message has and had: its own, and that under which it was given up."""
    reason = reason_of(message.attributes)
    return {message.id} if reason is None else {message.id, reason.message_id}


def _folded(value: str | bytes) -> dict[str, Any]:
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return {name: read[name] for name in _FIELDS.values() if name in read} if isinstance(read, dict) else {}


def _text(value: str | float) -> str:
    if isinstance(value, str):
        return "".join(character if character.isprintable() else "?" for character in value)[:LONGEST]
    return f"{value:.3f}".rstrip("0").rstrip(".") if value else ""


def _number(value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return number if 0 <= number < 1e12 else 0.0  # noqa: PLR2004 - what is no count and no time
