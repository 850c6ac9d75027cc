"""What `loafer dlq purge` does: a dry run, or messages deleted whose bodies are kept in a file before."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import attrs

from loafer.application.letters.purging import Purged, Purging
from loafer.entrypoints.commands.dlq.facts import Tried, facts_of
from loafer.entrypoints.commands.dlq.files import append, new_file, state_folder, stem_of
from loafer.entrypoints.commands.dlq.filters import Filter, filter_of
from loafer.entrypoints.commands.dlq.locks import held_alone
from loafer.entrypoints.commands.dlq.looking import (
    DONE,
    FAILED,
    NOT_SEEN,
    UNFINISHED,
    Stop,
    Talk,
    inspector_of,
    looked_at,
    opened,
    run_until_stopped,
    seen_of,
)
from loafer.entrypoints.commands.dlq.progress import bar
from loafer.entrypoints.commands.dlq.snapshots import line_of, write_line
from loafer.entrypoints.commands.dlq.stats import incomparable, require_tries, snapshot_named
from loafer.exceptions import ConsumerError, ConsumerUnavailable
from loafer.ports.inspector import Inspector, Letter, QueueState


@attrs.frozen
class Purge:
    """What is to be deleted.

    Attributes:
        inspector: The open inspector of the queue.
        state: What the queue says of itself.
        where: The filter.
        tried: What came of the last try.
        stop: Tells whether somebody has asked for the end.
        talk: How it is told.

    """

    inspector: Inspector
    state: QueueState
    where: Filter
    tried: Tried
    stop: Stop
    talk: Talk

    async def dry(self) -> int:
        """Tell what would be deleted, and return the exit status."""
        wanted = 0
        async with looked_at(self.inspector, self.state, self.stop, self.talk.tell) as look:
            async for letters in look:
                wanted += sum(map(self._wants, letters))
            hidden = 0 if self.stop() else await look.unseen(self.state.total)
        complete = not (hidden or self.stop())
        status = DONE if complete else UNFINISHED
        if self.talk.as_json:
            values = {"dry_run": True, "wanted": wanted, "seen": look.seen, "of": self.state.total, "hidden": hidden}
            self.talk.echo(json.dumps({**values, "complete": complete}))
            return status
        seen = seen_of(look, self.state, complete=not self.stop())
        if hidden:
            self.talk.echo(NOT_SEEN)
        self.talk.echo(f"dry run: would delete {wanted} from {self.state.name}   ({seen})")
        self.talk.echo(f"nothing was deleted; --yes deletes them{incomparable(self.where)}")
        return status

    async def delete(self) -> int:
        """Delete them, and return the exit status."""
        why = None
        with _kept(self.state, self.where.text) as (path, file):

            def keep(letters: Sequence[Letter]) -> None:
                lines = "".join(line_of(letter) + "\n" for letter in letters)
                append(file.fileno(), lines.encode("utf-8", "surrogatepass"))

            async with looked_at(self.inspector, self.state, self.stop, self.talk.tell) as look:
                with bar(f"from {self.state.name}", self.state.total) as show:
                    purging = Purging(look, self._wants, keep, lambda purged: show(purged.deleted))
                    try:
                        await purging.run()
                    except (ConsumerError, ConsumerUnavailable) as error:
                        why = str(error)
                    except OSError as error:
                        why = f"{path} cannot be written ({error.strerror}): nothing more was deleted"
        seen = seen_of(look, self.state, complete=not self.stop())
        return self._told(purging.done, path, seen, why)

    def _wants(self, letter: Letter) -> bool:
        return self.where(facts_of(letter, time.time(), self.tried))

    def _told(self, purged: Purged, path: Path, seen: str, why: str | None) -> int:
        complete = purged.complete and why is None
        if self.talk.as_json:
            values = attrs.asdict(purged) | {"why": why, "kept_in": str(path), "complete": complete}
            self.talk.echo(json.dumps(values))
        else:
            left = f"   {len(purged.left)} NOT DELETED" if purged.left else ""
            hidden = f"   ~{purged.hidden} NOT SEEN" if purged.hidden else ""
            self.talk.echo(f"deleted {purged.deleted}{left}{hidden}   ({seen})")
            if purged.hidden:
                self.talk.echo(NOT_SEEN)
            if why is not None or purged.stopped:
                self.talk.echo(f"stopped: {why or 'it was stopped'}")
            if purged.wanted:
                self.talk.echo(f"their bodies are in {path}")
        if complete:
            return DONE
        return UNFINISHED if why is None or purged.deleted else FAILED


@contextmanager
def _kept(state: QueueState, where: str) -> Iterator[tuple[Path, TextIO]]:
    """Yield a new file for what is deleted; it is removed again if nothing is."""
    path = _path_of(state)
    while path.exists():
        time.sleep(0.1)  # another one of this second
        path = _path_of(state)
    with new_file(path) as file:
        write_line(file, "purge", version=1, at=time.time(), queue=state.place, where=where)
        file.flush()
        empty = os.fstat(file.fileno()).st_size
        try:
            yield path, file
        finally:
            if os.fstat(file.fileno()).st_size == empty:
                path.unlink()


def _path_of(state: QueueState) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return state_folder() / f"{stem_of(state.name, state.place)}.{stamp}.purged"


def purge(queue: str, where_text: str | None, *, yes: bool, talk: Talk) -> int:
    """Delete dead letters, or tell what would be deleted, and return the exit status."""
    where = filter_of(where_text)
    snapshot = snapshot_named(queue) if where.about_tries else None
    require_tries(where, snapshot, queue)
    tried = {} if snapshot is None else snapshot.tried

    async def work(stop: Stop) -> int:
        inspector = inspector_of(queue)
        async with opened(inspector) as state:
            work = Purge(inspector, state, where, tried, stop, talk)
            if not yes:
                return await work.dry()
            with held_alone(state):
                return await work.delete()

    return run_until_stopped(work, talk.tell)
