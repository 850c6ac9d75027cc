"""The commands of `loafer dlq`: options in, text and exit status out."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import click

from loafer.entrypoints.commands.display import tell_end
from loafer.entrypoints.commands.given import settings_alone, verbosity
from loafer.entrypoints.settings.table import Settings
from loafer.exceptions import ConsumerError, ConsumerUnavailable, LoaferError

_tell = partial(click.echo, err=True)

EPILOG = """\b
Filters (--where) are expressions over body, attributes.NAME, error, place,
fingerprint, attempts, age (seconds), group, tried.ok and tried.error:
  --where 'error == "KeyError" and body.tenant == "a"'

\b
Exit status: 0 done, 1 a queue or a file failed, 2 wrong usage,
3 not all is done.
"""

Command = Callable[..., Any]


@click.group(epilog=EPILOG)
def dlq() -> None:
    """Look at dead letters, sort them, and move them on.

    QUEUE is the name, URL or ARN of a dead-letter queue.
    """


@contextmanager
def _told(context: click.Context) -> Iterator[Settings]:
    """Tell errors in a line each, as every command does, and those of files too; give the settings."""
    try:
        yield settings_alone(context, quiet=True)
    except LoaferError as error:
        context.exit(tell_end(error, traced=verbosity(context) > 1))
    except ConsumerUnavailable as error:  # a worker would wait for it, a person would rather know
        context.exit(tell_end(ConsumerError(str(error)), traced=verbosity(context) > 1))
    except KeyboardInterrupt:
        _tell("stopped at once")
        context.exit(130)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        name = f"{error.filename}: " if error.filename else "a file cannot be written: "
        _tell(f"{name}{error.strerror or error}")
        context.exit(1)


_where = click.option("--where", metavar="EXPR", help="Only those that the expression is true of.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_stored = click.option("--stored", is_flag=True, help="Use the last snapshot: no call, no receive.")


@dlq.command()
@click.argument("queue")
@_stored
@_json
@click.pass_context
def stats(context: click.Context, queue: str, *, stored: bool, as_json: bool) -> None:
    """Show what is on QUEUE, by kind of failure.

    It receives every message once more and gives all of them back. What it saw
    is kept as a snapshot, which show, try and --stored use.
    """
    from loafer.entrypoints.commands.dlq.stats import show_stats  # noqa: PLC0415 - `--help` needs no asyncio

    with _told(context):
        context.exit(show_stats(queue, stored=stored, as_json=as_json, echo=click.echo, tell=_tell))


@dlq.command()
@click.argument("queue")
@click.argument("message", metavar="ID")
@click.option("--whole", is_flag=True, help="Cut nothing of the body.")
@_json
@click.pass_context
def show(context: click.Context, queue: str, message: str, *, whole: bool, as_json: bool) -> None:
    """Show one message of QUEUE, whose id begins with ID.

    It is looked for in the last snapshot, and then on the queue.
    """
    from loafer.entrypoints.commands.dlq.show import show as show_one  # noqa: PLC0415 - as above

    with _told(context):
        context.exit(show_one(queue, message, whole=whole, as_json=as_json, echo=click.echo, tell=_tell))


@dlq.command()
@click.argument("queue")
@_where
@click.option("--output", metavar="FILE", help="A new file, for you alone, in place of standard output.")
@_stored
@click.pass_context
def dump(context: click.Context, queue: str, where: str | None, output: str | None, *, stored: bool) -> None:
    """Print the messages of QUEUE as JSON lines.

    They are spelt as the AWS CLI spells them; `loafer replay` takes them.
    """
    from loafer.entrypoints.commands.dlq.filters import filter_of  # noqa: PLC0415 - as above
    from loafer.entrypoints.commands.dlq.stats import dump as dump_all  # noqa: PLC0415

    with _told(context):
        context.exit(dump_all(queue, filter_of(where), output, stored=stored, echo=click.echo, tell=_tell))


@dlq.command()
@click.argument("queue")
@click.option("--to", metavar="QUEUE", help="Where they go  [default: the queue whose dead letters they are]")
@_where
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="Messages a second at most.")
@click.option("--out-of-order", is_flag=True, help="FIFO: go on behind a message that --where leaves.")
@click.option("--yes", is_flag=True, help="Move them; without it nothing is moved.")
@click.option("--resume", metavar="JOURNAL", help="Go on where a journal ends.")
@click.option("--resend-unsure", "unsure", flag_value="resend", help="Send again what may have been sent.")
@click.option("--skip-unsure", "unsure", flag_value="skip", help="Leave what may have been sent.")
@click.option("--native", is_flag=True, help="Let SQS itself move all of them: no journal, no filter.")
@_json
@click.pass_context
def redrive(
    context: click.Context, /, queue: str, unsure: str | None, *, native: bool, as_json: bool, **wish: Any
) -> None:
    """Send the messages of QUEUE to be handled again.

    Without --yes it only tells what it would do. Each message is written to a
    journal in this folder, QUEUE.TIME.journal, sent, confirmed, and deleted
    then: nothing is lost wherever it ends, and --resume goes on from there.
    """
    from loafer.entrypoints.commands.dlq.looking import Talk  # noqa: PLC0415 - as above
    from loafer.entrypoints.commands.dlq.native import redrive_natively  # noqa: PLC0415
    from loafer.entrypoints.commands.dlq.redrive import redrive as move  # noqa: PLC0415
    from loafer.entrypoints.commands.dlq.ways import Wish  # noqa: PLC0415

    if math.isnan(wish["rate"] or 0):
        raise click.BadParameter("nan is no number of messages", context, param_hint="--rate")
    with _told(context):
        said = Wish(queue=queue, unsure=None if unsure is None else unsure == "resend", **wish)
        context.exit((redrive_natively if native else move)(said, Talk(click.echo, _tell, as_json)))


@dlq.command()
@click.argument("queue")
@_where
@click.option("--yes", is_flag=True, help="Delete them; without it nothing is deleted.")
@_json
@click.pass_context
def purge(context: click.Context, queue: str, where: str | None, *, yes: bool, as_json: bool) -> None:
    """Delete messages of QUEUE, and keep their bodies in a file.

    Without --yes it only tells what it would do. What is deleted is written
    before to a file in $XDG_STATE_HOME/loafer, which `loafer dlq forget` removes.
    """
    from loafer.entrypoints.commands.dlq.looking import Talk  # noqa: PLC0415 - as above
    from loafer.entrypoints.commands.dlq.purge import purge as delete  # noqa: PLC0415

    with _told(context):
        context.exit(delete(queue, where, yes=yes, talk=Talk(click.echo, _tell, as_json)))


@dlq.command("try")
@click.argument("queue")
@click.option("--app", metavar="MODULE:APP", help="The application whose routes are tried.")
@click.option("--handler", metavar="NAME", help="A handler's full name, in place of an application.")
@click.option("--translator", metavar="NAME", help="Its translator's full name  [default: as for the worker]")
@click.option("--yes", is_flag=True, help="Agree to what the code does besides publishing.")
@_json
@click.pass_context
def try_(context: click.Context, /, queue: str, *, yes: bool, as_json: bool, **code: str | None) -> None:
    """Run today's code on the last snapshot of QUEUE.

    Nothing is received or deleted. What an application publishes stays in
    memory; what its handlers do besides, they do: that is asked for before.
    Afterwards filters know tried.ok and tried.error.
    """
    from loafer.entrypoints.commands.dlq.looking import Talk  # noqa: PLC0415 - as above
    from loafer.entrypoints.commands.dlq.trying import Code, try_all  # noqa: PLC0415

    with _told(context) as settings:
        context.exit(try_all(queue, Code(**code), settings, yes=yes, talk=Talk(click.echo, _tell, as_json)))


@dlq.command()
@click.argument("queue", required=False)
@click.pass_context
def forget(context: click.Context, queue: str | None) -> None:
    """Remove the snapshots and the purged bodies of QUEUE, or of all.

    They are in $XDG_STATE_HOME/loafer, or ~/.local/state/loafer.
    """
    from loafer.entrypoints.commands.dlq.files import forgotten  # noqa: PLC0415 - as above

    with _told(context):
        gone = forgotten(None if queue is None else queue.rstrip("/").replace(":", "/").rpartition("/")[2])
        click.echo("\n".join(f"removed {path}" for path in gone) or "nothing to remove")
