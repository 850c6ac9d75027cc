"""From one queue to another: what is to be moved, and whether it can be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from loafer.entrypoints.commands.dlq.facts import origin_of
from loafer.entrypoints.commands.dlq.journal import FileJournal
from loafer.entrypoints.commands.dlq.looking import inspector_of, opened, sources_of
from loafer.entrypoints.commands.dlq.stats import snapshot_named
from loafer.exceptions import ConfigurationError
from loafer.ports.inspector import Inspector, QueueState


@attrs.frozen(kw_only=True)
class Wish:
    """What the command line says.

    Attributes:
        queue: The dead-letter queue.
        to: The destination; None: the one queue whose dead letters these are.
        where: The filter; None: everything.
        rate: Messages a second at most.
        out_of_order: A group goes on behind a letter that the filter leaves.
        yes: Not a dry run.
        resume: The journal that is gone on with; None: a new one.
        unsure: What becomes of what may have been sent; None: it has to be said.

    """

    queue: str
    to: str | None = None
    where: str | None = None
    rate: float | None = None
    out_of_order: bool = False
    yes: bool = False
    resume: str | None = None
    unsure: bool | None = None


@attrs.frozen
class Way:
    """An open dead-letter queue and its open destination, and what both say of themselves."""

    source: Inspector
    state: QueueState
    target: Inspector
    there: QueueState


@asynccontextmanager
async def way_of(wish: Wish, journal: FileJournal | None) -> AsyncIterator[Way]:
    """Open both queues; ConfigurationError where nothing can be moved from one to the other."""
    source = inspector_of(wish.queue)
    async with opened(source) as state:
        if journal is not None and journal.head.queue != state.place:
            raise ConfigurationError(f"{journal.path}: it is a journal of {journal.head.queue}, not of {state.place}")
        to = wish.to or (journal.head.to if journal is not None else await _only_source(source, wish, state))
        target = inspector_of(to)
        async with opened(target) as there:
            if there.place == state.place:
                raise ConfigurationError(f"{state.name} is the destination too; give another one with --to")
            if there.ordered != state.ordered:
                said = " and ".join(
                    f"{each.name} is a {'FIFO' * each.ordered or 'standard'} queue" for each in (state, there)
                )
                raise ConfigurationError(f"{said}; give one of the same kind with --to")
            if journal is not None and journal.head.to != there.place:
                raise ConfigurationError(f"{journal.path}: it moves to {journal.head.to}, not to {there.place}")
            yield Way(source, state, target, there)


async def _only_source(source: Inspector, wish: Wish, state: QueueState) -> str:
    """Return the one queue whose dead letters these are, as SQS says, or else those of the last snapshot."""
    names = await sources_of(source)
    if names is None:
        snapshot = snapshot_named(wish.queue)
        origins = set() if snapshot is None else {origin_of(letter) for letter in snapshot.letters()}
        names = tuple(name for name in origins if name is not None)
        if len(names) != 1:
            text = f"nobody may ask whose dead letters are on {state.name}; give the destination with --to"
            raise ConfigurationError(text)
    if len(names) == 1:
        return names[0]
    which = f"{len(names)} queues have it for theirs ({', '.join(names)})" if names else "no queue has it for its own"
    raise ConfigurationError(f"{state.name}: {which}; give the destination with --to")
