"""The commands for those who run workers: they look at queues from outside, and receive nothing."""

import sys
from functools import partial
from typing import Any

import click

from loafer.entrypoints.commands.display import errors_in_one_line
from loafer.entrypoints.commands.given import settings_alone
from loafer.entrypoints.commands.options import configuration_options, route_options


def named_of(context: click.Context, application: str | None, app: str | None) -> str | None:
    """Return the name of the application that is meant; it may be an argument or an option."""
    if application and app and application != app:
        raise click.UsageError(f"{application} and --app {app} are two applications; give one", context)
    return application or app


@click.command()
@configuration_options
@click.option("--offline", is_flag=True, help="Call nothing: what only AWS knows is left out.")
@click.pass_context
def iam(context: click.Context, /, application: str | None, app: str | None, *, offline: bool, **options: Any) -> None:
    """Print the least IAM policy for what a configuration calls, as JSON.

    It looks at what `loafer` would run with the same options and settings, or `loafer run MODULE:APP`, and asks SQS and
    SNS for dead-letter queues and keys. The exit status is 1 if something that belongs into it is not known.
    """
    from loafer.entrypoints.commands.iam import show_policy  # noqa: PLC0415 - `--help` needs no asyncio

    with errors_in_one_line(context):
        named = named_of(context, application, app)
        context.exit(show_policy(context, named, options, offline=offline, tell=partial(click.echo, err=True)))


@click.command()
@configuration_options
@click.option("--probe", is_flag=True, help="Call what can do no harm, to see whether it is allowed.")
@click.option("--stop-timeout", type=click.FloatRange(0), metavar="SECONDS", help="What your platform gives a stop.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def check(
    context: click.Context,
    /,
    application: str | None,
    app: str | None,
    *,
    probe: bool,
    stop_timeout: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Look at queues, their dead-letter queues and topics, and say what is wrong and what would be right.

    It looks at what `loafer` would run with the same options and settings, or `loafer run MODULE:APP`. It reads, and
    receives nothing. --probe deletes, and changes the visibility of, a message that cannot exist. The exit status is 1
    if there is an ERROR.
    """
    from loafer.entrypoints.commands.check import Asked, show_check  # noqa: PLC0415 - `--help` needs no asyncio

    with errors_in_one_line(context):
        asked = Asked(probe, stop_timeout, as_json)
        context.exit(show_check(context, named_of(context, application, app), options, asked))


@click.command()
@click.argument("prefix", required=False, default="", metavar="[PREFIX]")
@route_options
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks; 0: one look, no rates.",
)
@click.option("--age", "ages", is_flag=True, help="Ask CloudWatch how old the oldest messages are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, an object a look.")
@click.pass_context
def queues(
    context: click.Context,
    /,
    prefix: str,
    app: str | None,
    *,
    watch: bool,
    interval: float,
    ages: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Show what waits on the queues whose names begin with PREFIX, or on all, and how that changes.

    With MODULE:APP in its place, or with --source, they are the queues of that configuration. Two looks tell the rates,
    and when a queue will be empty. Nothing is received.
    """
    from loafer.entrypoints.commands.looked_at import looked_at  # noqa: PLC0415 - `--help` needs no asyncio
    from loafer.entrypoints.commands.queues import Asked, queues_of, show_queues  # noqa: PLC0415

    if watch and not interval:
        raise click.UsageError("--watch needs an --interval above 0", context)
    with errors_in_one_line(context):
        places, named = None, named_of(context, prefix if ":" in prefix else None, app)
        if named is not None or any(value is not None for value in options.values()):
            uses = looked_at(context, named, options)
            places, prefix = queues_of(uses), "" if ":" in prefix else prefix
            click.echo("".join(f"loafer: {text}\n" for text in uses.strangers), nl=False, err=True)
        else:
            settings_alone(context, quiet=True)
        show_queues(Asked(prefix, interval, watch, as_json, ages, places), terminal=sys.stdout.isatty())


@click.command()
@click.argument("message_id", metavar="ID")
@click.option("--journal", "journals", multiple=True, metavar="FILE", help="A journal of a redrive; can be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print all that is known as JSON.")
@click.pass_context
def explain(context: click.Context, /, message_id: str, *, journals: tuple[str, ...], as_json: bool) -> None:
    """Say why a message was delivered again, by what the workers of this machine noted, and journals of redrives.

    ID is the message's id, or its beginning. Journals in this folder, QUEUE.TIME.journal, are found. Nothing of AWS is
    called. The exit status is 1 if nothing is known of it.
    """
    from loafer.entrypoints.commands.explain import show_explanation  # noqa: PLC0415 - `--help` needs no files

    if not message_id:
        raise click.BadParameter("give a message's id, or its beginning", context, param_hint="ID")
    with errors_in_one_line(context):
        context.exit(show_explanation(message_id, as_json=as_json, journals=journals))


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
@click.pass_context
def cost(context: click.Context, /, files: tuple[str, ...], *, as_json: bool) -> None:
    """Show what the calls of this machine's workers cost in a month, and what would cost less.

    They count their calls, and say so in status files; FILE is such a file. Nothing of AWS is called. The exit status
    is 3 if there is no worker.
    """
    from loafer.entrypoints.commands.cost import show_cost  # noqa: PLC0415 - `--help` needs no files

    context.exit(show_cost(files, as_json=as_json, echo=click.echo))


OPERATIONS = (iam, check, queues, explain, cost)
"""The commands of this module."""
