"""What `loafer dlq stats` and `loafer dlq dump` do: one look at a queue, kept as its snapshot."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import attrs

from loafer.entrypoints.commands.dlq.facts import NOT_TRIED, facts_of
from loafer.entrypoints.commands.dlq.files import new_file, replaced, snapshot_path
from loafer.entrypoints.commands.dlq.filters import Filter
from loafer.entrypoints.commands.dlq.groups import Summary, summary_of
from loafer.entrypoints.commands.dlq.looking import (
    DONE,
    UNFINISHED,
    Stop,
    Tell,
    inspector_of,
    looked_at,
    opened,
    run_until_stopped,
    seen_of,
    sources_of,
)
from loafer.entrypoints.commands.dlq.snapshots import Snapshot, line_of, read_snapshot, write_end, write_head
from loafer.entrypoints.commands.dlq.words import SUCCEEDS, in_words, verdict
from loafer.entrypoints.commands.screen import columns, is_drawn, table, toned
from loafer.exceptions import ConfigurationError, ConsumerUnavailable
from loafer.ports.inspector import Inspector, Letter

Take = Callable[[Letter], None]

SOON = 86_400  # seconds before letters expire from which that stands out


@attrs.define
class Look:
    """What a look has come to, beside what was done with each letter."""

    snapshot: Snapshot
    seen: str


async def _sources_of(inspector: Inspector) -> tuple[str, ...] | None:
    """Return whose dead-letter queue it is, or None: all else can be told without that."""
    try:
        return await sources_of(inspector)
    except ConsumerUnavailable:
        return None


def look(queue: str, tell: Tell, take: Take = lambda _: None) -> Look:
    """Look at a queue once, give each letter to `take`, and keep all of them as its snapshot."""

    async def work(stop: Stop) -> Look:
        inspector = inspector_of(queue)
        async with opened(inspector) as state:
            sources, at = await _sources_of(inspector), time.time()
            path = snapshot_path(state.name, state.place)
            before = _read_or_none(path)
            with replaced(path) as file:
                write_head(file, state, at, sources)
                async with looked_at(inspector, state, stop, tell) as browse:
                    async for letters in browse:
                        for letter in letters:
                            file.write(line_of(letter) + "\n")
                            take(letter)
                complete = not stop()
                write_end(file, complete=complete)
            snapshot = Snapshot(path, state, at, sources, complete)
            if before is not None and before.tried:
                snapshot.with_tries(before.tried)
                snapshot = attrs.evolve(snapshot, tried=before.tried)
            return Look(snapshot, seen_of(browse, state, complete=complete))

    return run_until_stopped(work, tell)


def _read_or_none(path: Path) -> Snapshot | None:
    try:
        return read_snapshot(path)
    except ConfigurationError:
        return None  # it is written anew


def last_look(queue: str) -> Snapshot:
    """Return the last snapshot of a queue, which costs no call; ConfigurationError: there is none."""
    found = snapshot_named(queue)
    if found is None:
        raise ConfigurationError(f"there is no snapshot of {queue!r}; `loafer dlq stats {queue}` takes one")
    return found


def snapshot_named(queue: str) -> Snapshot | None:
    """Return the newest snapshot of a queue's name, URL or ARN; None where there is none."""
    from loafer.adapters.aws.address import queue_address  # noqa: PLC0415 - `--help` needs no queues
    from loafer.entrypoints.commands.dlq.files import state_folder, stem_is  # noqa: PLC0415

    try:
        address = queue_address(queue)
    except ValueError as error:
        raise ConfigurationError(f"queue: {error}") from error
    paths = [path for path in state_folder().glob("*.snapshot") if stem_is(path.stem, address.name)]
    if address.url is not None:
        paths = [path for path in paths if path == snapshot_path(address.name, address.url)]
    newest = max(paths, key=lambda path: path.stat().st_mtime, default=None)
    return None if newest is None else read_snapshot(newest)


def show_stats(queue: str, *, stored: bool, as_json: bool, echo: Tell, tell: Tell) -> int:
    """Show what is on a queue, and return the exit status."""
    if stored:
        snapshot = last_look(queue)
        total, count = snapshot.state.total, sum(1 for _ in snapshot.letters())
        ago = in_words(time.time() - snapshot.at)
        seen = f"{count} seen of ~{total}, {ago} ago"
    else:
        done = look(queue, tell)
        snapshot, seen = done.snapshot, done.seen
    now = time.time()
    summary = summary_of(snapshot.letters(), now, snapshot.tried)
    echo(json.dumps(_as_json(snapshot, summary)) if as_json else _as_text(snapshot, summary, seen))
    return DONE if snapshot.complete else UNFINISHED


def _sources(snapshot: Snapshot, summary: Summary) -> list[str]:
    return sorted(set(snapshot.sources or ()) | summary.origins)


def _as_text(snapshot: Snapshot, summary: Summary, seen: str) -> str:
    state, sources = snapshot.state, _sources(snapshot, summary)
    parts = [
        f"{toned(state.name, 'strong')}   {seen}",
        f"from: {', '.join(sources)}" if sources else "from: nobody knows",
    ]
    second = []
    if summary.oldest is not None:
        second.append(f"oldest {in_words(summary.oldest)}")
    expires = summary.expires_in(state)
    if expires is not None:
        second.append(toned(f"FIRST EXPIRES IN {in_words(expires)}", "bad" if expires < SOON else "strong"))
    lines = ["   ".join(parts), "   ".join(second)] if second else ["   ".join(parts)]
    if snapshot.sources == () and not summary.origins:
        lines.append("no queue has it as its dead-letter queue")
    groups = summary.sorted()
    known = [group for group in groups if group.error is not None]
    if known:
        head = ("", "error", "place", "kind", "sent", "attempts")
        wider = max(0, columns() - 80) if is_drawn() else 0
        lines.append(table(head, [group.row(wider) for group in known]))
    unknown = sum(group.count for group in groups if group.error is None)
    if unknown:
        width = max(len(str(group.count)) for group in groups)
        told = f"{unknown:>{width}}  no reason recorded: `loafer dlq try {state.name} --app MODULE:APP` finds out"
        lines.append(toned(told, "doubtful"))
    if snapshot.tried:
        lines.append(tries_of(snapshot))
    return "\n".join(lines)


def tries_of(snapshot: Snapshot) -> str:
    """Return what came of the last try, as far as it is about what is there."""
    verdicts = [snapshot.tried.get(letter.message.id, NOT_TRIED) for letter in snapshot.letters()]
    counts = Counter(
        SUCCEEDS if each["ok"] else f"still {each['error']}" for each in verdicts if each["ok"] is not None
    )
    told = sorted(counts.items(), key=lambda pair: (pair[0] != SUCCEEDS, -pair[1]))
    return "tried: " + (" · ".join(verdict(count, word) for word, count in told) or "none of these")


def _as_json(snapshot: Snapshot, summary: Summary) -> dict[str, Any]:
    groups = [
        {
            "count": group.count,
            "error": group.error,
            "place": group.place,
            "fingerprint": group.fingerprint,
            "attempts": group.attempts,
            "oldest": group.oldest,
            "newest": group.newest,
        }
        for group in summary.sorted()
    ]
    return {
        "queue": snapshot.state.name,
        "seen": sum(group.count for group in summary.groups.values()),
        "of": snapshot.state.total,
        "complete": snapshot.complete,
        "from": _sources(snapshot, summary),
        "oldest": summary.oldest,
        "first_expires_in": summary.expires_in(snapshot.state),
        "groups": groups,
        "snapshot": str(snapshot.path),
    }


@contextmanager
def _written_to(output: str | None, echo: Tell) -> Iterator[Tell]:
    if output is None:
        yield echo
        return
    try:
        file: TextIO = new_file(Path(output))
    except OSError as error:
        raise ConfigurationError(f"{output}: {error.strerror}; give the name of a new file") from error
    with file:
        yield lambda line: print(line, file=file)


def dump(queue: str, where: Filter, output: str | None, *, stored: bool, echo: Tell, tell: Tell) -> int:
    """Print letters as JSON lines, or write them to a new file, and return the exit status."""
    if where.about_tries or stored:
        snapshot = last_look(queue)
        require_tries(where, snapshot, queue)
        return _dump_stored(snapshot, where, output, echo, tell)
    with _written_to(output, echo) as write:
        numbers = {"seen": 0, "written": 0}

        def take(letter: Letter) -> None:
            numbers["seen"] += 1
            if where(facts_of(letter, time.time(), {})):
                numbers["written"] += 1
                write(line_of(letter))

        done = look(queue, tell, take)
    tell(f"{numbers['written']} of {numbers['seen']} written{incomparable(where)}")
    return DONE if done.snapshot.complete else UNFINISHED


def _dump_stored(snapshot: Snapshot, where: Filter, output: str | None, echo: Tell, tell: Tell) -> int:
    seen = written = 0
    now = time.time()
    with _written_to(output, echo) as write:
        for letter in snapshot.letters():
            seen += 1
            if where(facts_of(letter, now, snapshot.tried)):
                written += 1
                write(line_of(letter))
    tell(f"{written} of {seen} written, from the snapshot of {in_words(now - snapshot.at)} ago{incomparable(where)}")
    return DONE


def require_tries(where: Filter, snapshot: Snapshot | None, queue: str) -> None:
    """Raise ConfigurationError for a filter that asks for what came of a try where there was none."""
    if where.about_tries and (snapshot is None or not snapshot.tried):
        right = f"`loafer dlq try {queue} --app MODULE:APP` does, and then `tried` is known"
        raise ConfigurationError(f"--where: nothing of {queue} was tried: {right}")


def incomparable(where: Filter) -> str:
    """Return a remark on what could not be compared; nothing where everything could."""
    if not where.incomparable:
        return ""
    return f"; {where.incomparable} could not be compared with --where, and do not match"
