"""What a filter and a table can know of a dead letter."""

import json
import re
from collections.abc import Mapping
from typing import Any

from loafer.application.letters.reasons import reason_of
from loafer.domain.shown import printable
from loafer.ports.inspector import Letter

NAMES = ("body", "attributes", "error", "place", "fingerprint", "attempts", "age", "group", "tried")
"""The names that there are."""

Tried = Mapping[str, Mapping[str, Any]]
"""By message id: whether its try succeeded (`ok`), and the type of its error (`error`)."""

NOT_TRIED: Mapping[str, Any] = {"ok": None, "error": None}


def facts_of(letter: Letter, now: float, tried: Tried) -> dict[str, Any]:
    """Return what is known of a letter by name; what is not is None."""
    message = letter.message
    reason = reason_of(message.attributes)
    return {
        "body": content_of(message.body),
        "attributes": {name: attribute.value for name, attribute in message.attributes.items()},
        "error": reason and reason.error,
        "place": reason and (reason.place or None),
        "fingerprint": reason and (reason.fingerprint or None),
        "attempts": reason.attempts if reason and reason.attempts else message.receive_count,
        "age": None if message.sent_at is None else max(0.0, now - message.sent_at),
        "group": message.group,
        "tried": tried.get(message.id, NOT_TRIED),
    }


def origin_of(letter: Letter) -> str | None:
    """Return the name of the queue that a letter was on before, as SQS or loafer says, printable; None: none does."""
    if letter.origin is not None:
        return printable(letter.origin)
    reason = reason_of(letter.message.attributes)
    return None if reason is None else printable(re.split("[/:]", reason.source.rstrip("/"))[-1]) or None


def content_of(body: str) -> Any:
    """Return a body as JSON; as it stands if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body
