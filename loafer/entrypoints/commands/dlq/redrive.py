"""What `loafer dlq redrive` does: a dry run, or a move that is journalled step by step and can be gone on with."""

from pathlib import Path

import attrs

from loafer.entrypoints.commands.dlq.filters import filter_of
from loafer.entrypoints.commands.dlq.journal import FileJournal, require_ended
from loafer.entrypoints.commands.dlq.locks import held_alone
from loafer.entrypoints.commands.dlq.looking import Stop, Talk, run_until_stopped
from loafer.entrypoints.commands.dlq.run import Run
from loafer.entrypoints.commands.dlq.stats import require_tries, snapshot_named
from loafer.entrypoints.commands.dlq.ways import Wish, way_of
from loafer.exceptions import ConfigurationError


def redrive(wish: Wish, talk: Talk) -> int:
    """Move dead letters, or tell what would be moved, and return the exit status."""
    journal = None
    if wish.resume is not None:
        if wish.where is not None or wish.out_of_order:
            raise ConfigurationError("--resume: the journal has the filter; leave --where and --out-of-order out")
        journal = FileJournal.resumed(Path(wish.resume))
        wish = attrs.evolve(wish, where=journal.head.where, out_of_order=journal.head.out_of_order)
    where = filter_of(wish.where)
    snapshot = snapshot_named(wish.queue) if where.about_tries else None
    require_tries(where, snapshot, wish.queue)
    tried = {} if snapshot is None else snapshot.tried

    async def work(stop: Stop) -> int:
        async with way_of(wish, journal) as way:
            run = Run(wish, way, where, tried, stop, talk)
            if journal is None and not wish.yes:
                return await run.dry()
            with held_alone(way.state):
                if journal is None:
                    require_ended(Path.cwd(), way.state.name, way.state.place)
                return await run.move(journal)

    return run_until_stopped(work, talk.tell)
