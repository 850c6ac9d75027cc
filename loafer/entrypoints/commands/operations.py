"""The commands for those who run workers: they look at queues from outside, and receive nothing."""

from functools import partial
from typing import Any

import click

from loafer.entrypoints.commands.display import errors_in_one_line
from loafer.entrypoints.commands.options import configuration_options


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


OPERATIONS = (iam, check)
"""The commands of this module."""
