"""What `loafer dlq show` does: one message, from the last snapshot or from the queue."""

import json
import time
from collections.abc import Iterator, Sequence

from loafer.application.letters.reasons import reason_of
from loafer.domain.failure import FOLDED, NAMES
from loafer.domain.shown import printable
from loafer.entrypoints.commands.dlq.facts import NOT_TRIED
from loafer.entrypoints.commands.dlq.looking import DONE, FAILED, Tell
from loafer.entrypoints.commands.dlq.snapshots import Snapshot, line_of
from loafer.entrypoints.commands.dlq.stats import look, snapshot_named
from loafer.entrypoints.commands.dlq.words import in_words
from loafer.ports.inspector import Letter

MOST_LINES, WIDTH = 40, 200
MOST_NAMED = 5


def show(queue: str, prefix: str, *, whole: bool, as_json: bool, echo: Tell, tell: Tell) -> int:
    """Show the message whose id begins so, and return the exit status."""
    snapshot = snapshot_named(queue)
    found = _found(snapshot, prefix)
    if snapshot is None or not found:
        snapshot = look(queue, tell).snapshot
        found = _found(snapshot, prefix)
    else:
        tell(f"from the snapshot of {in_words(time.time() - snapshot.at)} ago")
    if len(found) != 1:
        if found:
            names = ", ".join(letter.message.id for letter in found[:MOST_NAMED])
            tell(f"{len(found)} messages begin with {prefix!r}: {names}{' …' * (len(found) > MOST_NAMED)}")
        else:
            tell(f"no message of {queue} begins with {prefix!r}")
        return FAILED
    echo(line_of(found[0]) if as_json else "\n".join(_lines(snapshot, found[0], whole=whole)))
    return DONE


def _found(snapshot: Snapshot | None, prefix: str) -> Sequence[Letter]:
    if snapshot is None:
        return ()
    return [letter for letter in snapshot.letters() if letter.message.id.startswith(prefix)]


def _lines(snapshot: Snapshot, letter: Letter, *, whole: bool) -> Iterator[str]:
    message, now = letter.message, time.time()
    yield f"{message.id}   on {snapshot.state.name}"
    count = message.receive_count
    facts = ["received once" if count == 1 else f"received {count} times"]
    if message.sent_at is not None:
        facts.append(f"sent {in_words(now - message.sent_at)} ago")
        if snapshot.state.retention:
            facts.append(f"expires in {in_words(snapshot.state.retention - (now - message.sent_at))}")
    if message.group is not None:
        facts.append(f"group {printable(message.group)}")
    yield "   ".join(facts)
    reason = reason_of(message.attributes)
    if reason is None:
        yield "reason: none recorded"
    else:
        yield printable(f"reason: {reason.error}" + (f" at {reason.place}" if reason.place else ""))
        yield printable(f"        fingerprint {reason.fingerprint}   attempts {reason.attempts}")
    yield from _been(letter, now)
    verdict = snapshot.tried.get(message.id, NOT_TRIED)
    if verdict["ok"] is not None:
        yield "tried: would succeed" if verdict["ok"] else printable(f"tried: still {verdict['error']}")
    for name, attribute in message.attributes.items():
        if name not in NAMES and name != FOLDED:
            value = attribute.value if isinstance(attribute.value, str) else f"{len(attribute.value)} bytes"
            yield printable(f"attribute {name} ({attribute.type}): {value}")[:WIDTH]
    yield f"body ({len(message.body.encode(errors='surrogatepass'))} bytes):"
    yield from _body(message.body, whole=whole)


def _been(letter: Letter, now: float) -> Iterator[str]:
    reason = reason_of(letter.message.attributes)
    if reason is not None and reason.source:
        when = f", {in_words(now - reason.failed_at)} ago" if reason.failed_at else ""
        yield printable(f"from: {reason.source}, where it was {reason.message_id or '?'}, moved by loafer{when}")
    elif letter.origin is not None:
        yield printable(f"from: {letter.origin}, moved by SQS")


def _body(body: str, *, whole: bool) -> Iterator[str]:
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body
    lines = text.split("\n")
    for line in lines if whole else lines[:MOST_LINES]:
        shown = printable(line)
        yield shown if whole or len(shown) <= WIDTH else f"{shown[:WIDTH]} …"
    if not whole and len(lines) > MOST_LINES:
        yield f"… {len(lines) - MOST_LINES} lines more: --whole shows them"
