"""One redrive on behalf of a person: what would be moved, or what was."""

import json
import time
from contextlib import closing
from pathlib import Path

import attrs

from loafer.application.letters.moving import Moving
from loafer.application.letters.order import Moved, Order
from loafer.entrypoints.commands.dlq.facts import Tried, facts_of
from loafer.entrypoints.commands.dlq.filters import Filter
from loafer.entrypoints.commands.dlq.journal import FileJournal, Head
from loafer.entrypoints.commands.dlq.looking import DONE, FAILED, NOT_SEEN, UNFINISHED, Stop, Talk, looked_at, seen_of
from loafer.entrypoints.commands.dlq.progress import bar
from loafer.entrypoints.commands.dlq.stats import incomparable
from loafer.entrypoints.commands.dlq.ways import Way, Wish
from loafer.entrypoints.commands.dlq.words import in_words
from loafer.entrypoints.commands.screen import toned
from loafer.exceptions import ConsumerError, ConsumerUnavailable
from loafer.ports.inspector import Letter
from loafer.ports.journal import Step

A_SECOND = 50
"""Messages that are moved within a second, at a guess."""


@attrs.frozen
class Run:
    """Moves what a filter wants, or tells what that would be.

    Attributes:
        wish: What the command line says.
        way: The open queues.
        where: The filter.
        tried: What came of the last try.
        stop: Tells whether somebody has asked for the end.
        talk: How it is told.

    """

    wish: Wish
    way: Way
    where: Filter
    tried: Tried
    stop: Stop
    talk: Talk

    async def dry(self) -> int:
        """Tell what would be moved, and return the exit status."""
        wanted, closed = 0, set[str | None]()
        state, there = self.way.state, self.way.there
        async with looked_at(self.way.source, state, self.stop, self.talk.tell) as look:
            async for letters in look:
                for letter in letters:
                    if state.ordered and letter.message.group in closed:
                        continue
                    if self._wants(letter):
                        wanted += 1
                    elif not self.wish.out_of_order:
                        closed.add(letter.message.group)
            hidden = 0 if self.stop() else await look.unseen(state.total)
        seconds, complete = wanted / (self.wish.rate or A_SECOND), not (hidden or self.stop())
        status = DONE if complete else UNFINISHED
        if self.talk.as_json:
            values = {"dry_run": True, "wanted": wanted, "seen": look.seen, "of": state.total, "hidden": hidden}
            self.talk.echo(json.dumps({**values, "to": there.name, "seconds": seconds, "complete": complete}))
            return status
        seen = seen_of(look, state, complete=not self.stop())
        if hidden:
            self.talk.echo(NOT_SEEN)
        self.talk.echo(f"dry run: would send {wanted} to {there.name} in about {in_words(seconds)}   ({seen})")
        self.talk.echo(f"nothing was moved; --yes moves them{incomparable(self.where)}")
        return status

    async def move(self, journal: FileJournal | None) -> int:
        """Move them, going on with a journal or with a new one, and return the exit status."""
        wish, state, there = self.wish, self.way.state, self.way.there
        if journal is None:
            head = Head(queue=state.place, to=there.place, where=wish.where, out_of_order=wish.out_of_order)
            journal = FileJournal.begun(Path.cwd(), state.name, head)
        with closing(journal):
            if not self._is_decided(journal):
                return UNFINISHED
            self.talk.tell(f"journal: {journal.path}")
            why = None
            async with looked_at(self.way.source, state, self.stop, self.talk.tell) as look:
                with bar(f"to {there.name}", state.total) as show:
                    moving = Moving(
                        look, self.way.target, journal, self._order, state.ordered,
                        clock=time.monotonic, now=time.time, told=lambda moved: show(moved.deleted),
                    )  # fmt: skip
                    try:
                        await moving.run()
                    except (ConsumerError, ConsumerUnavailable) as error:
                        why = str(error)
                    except OSError as error:
                        why = f"{journal.path} cannot be written ({error.strerror}): nothing more was sent or deleted"
            moving.done.stopped = why or moving.done.stopped
            return self._told(moving.done, journal, seen_of(look, state, complete=True), failed=why is not None)

    @property
    def _order(self) -> Order:
        wish = self.wish
        return Order(wanted=self._wants, rate=wish.rate, out_of_order=wish.out_of_order, unsure=wish.unsure)

    def _wants(self, letter: Letter) -> bool:
        return self.where(facts_of(letter, time.time(), self.tried))

    def _is_decided(self, journal: FileJournal) -> bool:
        """Tell whether somebody has said what becomes of what may have been sent; on a FIFO queue it can be known."""
        pending = [noted for noted in journal.noted.values() if noted.step in (Step.SENDING, Step.UNSURE)]
        if self.wish.unsure is not None or self.way.state.ordered or not pending:
            return True
        tell = self.talk.tell
        tell(f"{len(pending)} messages may have been sent or not: their answers were lost. --resend-unsure sends them")
        tell("again, which may double them; --skip-unsure leaves them on the queue")
        if self.talk.as_json:
            moved = Moved(unsure=[name for name, noted in journal.noted.items() if noted in pending])
            self.talk.echo(_as_json(moved, journal, complete=False))
        return False

    def _told(self, moved: Moved, journal: FileJournal, seen: str, *, failed: bool) -> int:
        """Tell what came of a move, and return the exit status."""
        complete = attrs.evolve(moved, unsure=[]).complete if self.wish.unsure is False else moved.complete
        if self.talk.as_json:
            self.talk.echo(_as_json(moved, journal, complete=complete))
        else:
            self.talk.echo("   ".join(_parts(moved, skipped=self.wish.unsure is False)) + f"   ({seen})")
            for reason in sorted(set(moved.refused.values())):
                self.talk.echo(f"refused: {reason}")
            if moved.unseen or moved.hidden:
                self.talk.echo(NOT_SEEN)
            if moved.stopped:
                self.talk.echo(f"stopped: {moved.stopped}")
        if complete:
            return DONE
        self.talk.tell(f"not all is done: go on with --resume {journal.path.name}")
        return FAILED if failed and not (moved.sent or moved.unsure) else UNFINISHED


def _as_json(moved: Moved, journal: FileJournal, *, complete: bool) -> str:
    return json.dumps(attrs.asdict(moved) | {"journal": str(journal.path), "complete": complete})


def _parts(moved: Moved, *, skipped: bool) -> list[str]:
    parts = [f"sent {moved.sent}", f"deleted {moved.deleted}"]
    if moved.kept:
        parts.append(toned(f"{len(moved.kept)} SENT, NOT DELETED ({_some(moved.kept)})", "bad"))
    if moved.unsure:
        word = "left, for they may have been sent" if skipped else "UNSURE"
        parts.append(toned(f"{len(moved.unsure)} {word} ({_some(moved.unsure)})", "doubtful"))
    if moved.refused:
        parts.append(toned(f"{len(moved.refused)} REFUSED ({_some(list(moved.refused))})", "bad"))
    if moved.unseen:
        parts.append(toned(f"{len(moved.unseen)} NOT SEEN ({_some(moved.unseen)})", "doubtful"))
    if moved.hidden:
        parts.append(toned(f"~{moved.hidden} MORE NOT SEEN", "doubtful"))
    if moved.waiting:
        parts.append(f"{moved.waiting} not begun")
    return parts


def _some(names: list[str]) -> str:
    return ", ".join(name[:8] for name in names[:3]) + (" …" if len(names) > 3 else "")  # noqa: PLR2004 - for one line
