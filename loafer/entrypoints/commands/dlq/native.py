"""What `loafer dlq redrive --native` does: SQS moves all that is there by itself, and is watched."""

import asyncio
import json
from collections.abc import Callable

import attrs

from loafer.entrypoints.commands.dlq.looking import (
    DONE,
    FAILED,
    UNFINISHED,
    Stop,
    Talk,
    again_and_again,
    run_until_stopped,
)
from loafer.entrypoints.commands.dlq.progress import bar
from loafer.entrypoints.commands.dlq.ways import Way, Wish, way_of
from loafer.entrypoints.commands.dlq.words import in_words
from loafer.exceptions import ConfigurationError, ConsumerUnavailable
from loafer.ports.inspector import MoveTask

MOST = 500
"""Messages a second that SQS moves at most."""

LOOK = 1.0
"""Seconds between two looks."""

STEPS = {"RUNNING", "CANCELLING"}


def redrive_natively(wish: Wish, talk: Talk) -> int:
    """Have SQS move everything, or tell that it would, and return the exit status."""
    if wish.where is not None or wish.resume is not None or wish.unsure is not None or wish.out_of_order:
        raise ConfigurationError(
            "--native moves everything, and has no journal; leave --where, --resume and the like out"
        )
    if wish.rate is not None and not (wish.rate == int(wish.rate) and 1 <= wish.rate <= MOST):
        raise ConfigurationError(f"--native: --rate {wish.rate:g} cannot be; give a whole number from 1 to {MOST}")

    async def work(stop: Stop) -> int:
        async with way_of(wish, None) as way:
            if not wish.yes:
                return _dry(wish, way, talk)
            rate = None if wish.rate is None else int(wish.rate)
            await _start(way, rate)
            talk.tell(f"SQS moves ~{way.state.total} messages to {way.there.name}; Ctrl-C cancels that")
            with bar(f"to {way.there.name}", way.state.total) as show:
                return _told(await _ended(way, stop, show), talk)

    return run_until_stopped(work, talk.tell)


def _dry(wish: Wish, way: Way, talk: Talk) -> int:
    seconds = way.state.total / (wish.rate or MOST)
    if talk.as_json:
        talk.echo(json.dumps({"dry_run": True, "wanted": way.state.total, "to": way.there.name, "seconds": seconds}))
        return DONE
    talk.echo(f"dry run: SQS would move ~{way.state.total} to {way.there.name} in about {in_words(seconds)} or more")
    talk.echo("nothing was moved; --yes starts it. The copies keep the attributes that say why")
    return DONE


async def _start(way: Way, rate: int | None) -> None:
    """Start the move; where the answer alone was lost, it has begun all the same, and SQS knows of another one."""
    before = await again_and_again(way.source.last_move)
    try:
        await way.source.start_move(way.there, rate)
    except ConsumerUnavailable:
        if await again_and_again(way.source.last_move) in (None, before):
            raise


async def _ended(way: Way, stop: Stop, show: Callable[[int], None]) -> MoveTask:
    """Wait for the end of the move, which a signal cancels."""
    cancelled = False
    while True:
        task = await way.source.last_move() or MoveTask("", "FAILED", reason="SQS does not know of it any more")
        show(task.moved)
        if task.status not in STEPS:
            return task
        if stop() and task.handle and not cancelled:
            await way.source.cancel_move(task)
            cancelled = True
        await asyncio.sleep(LOOK)


def _told(task: MoveTask, talk: Talk) -> int:
    if talk.as_json:
        talk.echo(json.dumps(attrs.asdict(task)))
    else:
        why = f": {task.reason}" if task.reason else ""
        talk.echo(f"moved ~{task.moved} of ~{task.total}   {task.status.lower()}{why}")
    return {"COMPLETED": DONE, "FAILED": FAILED}.get(task.status, UNFINISHED)
