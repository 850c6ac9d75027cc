"""The command line: options in, text and exit status out; what the commands do is next door."""

import sys
from contextlib import redirect_stdout
from functools import partial
from io import TextIOWrapper
from typing import Any, TextIO

import click

from loafer import __version__
from loafer.entrypoints.commands.display import errors_in_one_line
from loafer.entrypoints.commands.dlq.group import dlq
from loafer.entrypoints.commands.given import read_settings, settings_alone, verbosity
from loafer.entrypoints.commands.operations import OPERATIONS
from loafer.entrypoints.commands.options import BesideGlobalOptions, setting_options, verbose_too
from loafer.entrypoints.commands.publishing import PUBLISHING
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.worker.ending import FAILED, end_with
from loafer.entrypoints.worker.starting import ended_by_signals

MANY_MESSAGES = 1000
"""A progress bar is shown for more messages than this."""

EPILOG = """\b
Settings come from options, LOAFER_* environment variables, .env, *.cfg and TOML files.
Exit status: 0 stopped cleanly, 1 a source failed, 2 wrong usage or configuration.

\b
Try it without AWS:      loafer demo
A first project:         loafer init
A queue and a handler:   loafer --source my-queue --handler my.module.handler
An application in code:  loafer run my.module:app
All of it on one page:   loafer guide
"""


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.option("-v", "--verbose", count=True, help="Log more: -v what happens, -vv everything, with tracebacks.")
@click.version_option(__version__, message="%(prog)s %(version)s")
@setting_options
@click.pass_context
def cli(context: click.Context, /, **_: object) -> None:
    """Take messages from a queue, give each to a handler, delete it when the handler is done with it.

    Without a command, loafer starts and runs until Ctrl-C or SIGTERM.
    """
    if context.invoked_subcommand is None:
        with errors_in_one_line(context):
            start(context)


def start(context: click.Context) -> None:
    """Run the worker, or several, until stopped."""
    with ended_by_signals():
        from loafer.entrypoints.commands.run import run_routes  # noqa: PLC0415 - `--help` needs no asyncio

        context.exit(run_routes(context))


@cli.command(cls=BesideGlobalOptions)
@click.argument("application", metavar="MODULE:APP")
@click.option("--only", multiple=True, metavar="ROUTE", help="Run this route alone; can be repeated.")
@click.option("--processes", metavar="N", help="Worker processes, each with all of this.")
@click.option("--status", metavar="HOST:PORT", help="Where health and metrics are served, such as 127.0.0.1:9102.")
@click.option("--reload", is_flag=True, help="Start again when one of your modules changes; needs loafer[reload].")
@click.option("--watched-by", type=int, hidden=True)
@verbose_too
@click.pass_context
def run(context: click.Context, /, application: str, only: tuple[str, ...], **how: Any) -> None:
    """Run an application in code: the routes of a Loafer, until Ctrl-C or SIGTERM.

    A default route that is set by an option, the environment or a file runs beside them. The options of loafer itself
    stand before the command: loafer --max-jobs 50 run shop:app
    """
    with errors_in_one_line(context):
        if how["reload"] or how["watched_by"] is not None:
            from loafer.entrypoints.commands.reload import run_reloading, tell_imports  # noqa: PLC0415 - few want it

            if how["reload"]:
                arguments = [argument for argument in sys.argv[1:] if argument != "--reload"]
                context.exit(run_reloading(arguments, partial(click.echo, err=True)))
            tell_imports(how["watched_by"])
            how["processes"] = "1"
        options, watched = {name: how[name] for name in ("processes", "status")}, how["watched_by"] is not None
        with ended_by_signals():
            from loafer.entrypoints.commands.run import run_application  # noqa: PLC0415 - `--help` needs no asyncio

            context.exit(run_application(context, application, only, options, watched=watched))


@cli.command()
@click.argument("application", metavar="MODULE:APP")
@verbose_too
@click.pass_context
def routes(context: click.Context, application: str) -> None:
    """Show the routes of an application in code, and what is wrong with them."""
    from loafer.entrypoints.commands.routes import routes_of  # noqa: PLC0415 - `--help` needs no asyncio
    from loafer.entrypoints.commands.screen import table  # noqa: PLC0415 - nor tables

    with errors_in_one_line(context):
        click.echo(table(*routes_of(context, application)))


@cli.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--json", "as_json", is_flag=True, help="Print what the workers say as JSON.")
@click.option("--alive", is_flag=True, help="End with 0 if all are alive, ready or not.")
@click.pass_context
def status(context: click.Context, files: tuple[str, ...], *, as_json: bool, alive: bool) -> None:
    """Show how the workers on this machine are.

    They say so every five seconds in status files; FILE is such a file. The exit status is 0 if all are ready, 1 if one
    is not, 3 if there is none.
    """
    from loafer.entrypoints.commands.status import show_status  # noqa: PLC0415 - `--help` needs no files

    context.exit(show_status(files, as_json=as_json, alive=alive, echo=click.echo))


@cli.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.pass_context
def top(context: click.Context, files: tuple[str, ...]) -> None:
    """Follow the workers on this machine, live; needs loafer[top].

    Shows their routes, what they hold and where each handler is, and can pause, resume and drain a route. FILE is a
    status file that is elsewhere.
    """
    from loafer.entrypoints.commands.top import show_top  # noqa: PLC0415 - `--help` needs no files

    context.exit(show_top(files, partial(click.echo, err=True)))


@cli.command()
@click.option(
    "--messages", type=click.IntRange(1), default=600, show_default=True, metavar="N", help="How many to publish."
)
@click.option("--handler", metavar="NAME", help="A handler of your own instead of the demo's, by its full name.")
@verbose_too
@click.pass_context
def demo(context: click.Context, messages: int, handler: str | None) -> None:
    """Show how messages end, on a queue in memory: no AWS."""
    from loafer.entrypoints.commands.demo import run_demo  # noqa: PLC0415 - `--help` needs no asyncio
    from loafer.entrypoints.commands.screen import table  # noqa: PLC0415 - nor tables

    with errors_in_one_line(context):
        settings = settings_alone(context, quiet=True)
        hidden = messages <= MANY_MESSAGES or not sys.stderr.isatty()
        with click.progressbar(length=messages, label="delivering", file=sys.stderr, hidden=hidden) as bar:
            report = run_demo(settings, messages, handler, lambda: bar.update(1))
        click.echo(table(("what happens", "delivered", "acknowledged", "kept"), report.rows()))
        for outcome, reason in report.reasons.items():
            click.echo(f"{outcome.value}, the first: {reason}")
        rate = report.delivered / report.seconds
        click.echo(f"{report.delivered} messages in {report.seconds:.2f} s: {rate:.0f} messages a second")


@cli.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--handler", metavar="NAME", help="The handler's full name  [default: as for the worker]")
@click.option("--translator", metavar="NAME", help="The translator's full name  [default: as for the worker]")
@click.option("--json", "as_json", is_flag=True, help="Print all that came of them as JSON.")
@verbose_too
@click.pass_context
def replay(context: click.Context, file: TextIO, handler: str | None, translator: str | None, *, as_json: bool) -> None:
    """Give real messages to a handler, on a queue in memory.

    FILE holds message bodies as JSON lines, outputs of `aws sqs receive-message`, a Lambda SQS event, or what
    `loafer dlq dump` or a journal of `loafer dlq redrive` has; - is standard input. `aws sqs receive-message` costs
    each message a receive and hides it: `loafer dlq dump` gives it back. The exit status is 1 if any message would be
    kept on its queue.
    """
    from loafer.entrypoints.commands.replay import run_replay  # noqa: PLC0415 - `--help` needs no asyncio

    with errors_in_one_line(context):
        mistakes = Mistakes()
        settings = read_settings(context, mistakes, quiet=True)
        names = {name: value for name, value in (("handler", handler), ("translator", translator)) if value}
        report = partial(click.echo, err=True) if as_json else click.echo
        with redirect_stdout(sys.stderr if as_json else sys.stdout):  # what the handler prints is no JSON
            summary = run_replay(settings, mistakes, file, names, report)
        click.echo(summary.as_json if as_json else summary.text)
        if summary.failed and not verbosity(context):
            click.echo("loafer -v replay … shows the tracebacks", err=True)
        if summary.kept or not summary.complete:
            context.exit(FAILED)


@cli.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False))
@click.pass_context
def init(context: click.Context, folder: str) -> None:
    """Write a first project: an application, its test, and a .env file.

    It goes into FOLDER, or here, and overwrites nothing. What it prints says how to run it, without AWS.
    """
    from pathlib import Path  # noqa: PLC0415 - `--help` needs no files

    from loafer.entrypoints.commands.init import write_first_project  # noqa: PLC0415

    with errors_in_one_line(context):
        click.echo(write_first_project(Path(folder)))


@cli.command()
def guide() -> None:
    """Print loafer's programming interface on one page: every public name, and the mistakes people make."""
    from importlib.resources import files  # noqa: PLC0415 - `--help` needs no files

    click.echo(files("loafer").joinpath("guide.md").read_text(encoding="utf-8"))


for command in (*PUBLISHING, *OPERATIONS, dlq):
    cli.add_command(command)


def main() -> None:
    """Run the command line and end the process with its exit status."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a name or a dash that the terminal's encoding does not have
    end_with(partial(cli, prog_name="loafer"))
