"""The options that commands share: one for each setting that has one, and what describes a message."""

from collections.abc import Callable
from typing import Any

import click

from loafer.entrypoints.settings.parsers import switch
from loafer.entrypoints.settings.setting import Setting
from loafer.entrypoints.settings.table import SETTINGS

Command = Callable[..., Any]

_METAVARS = {"--consumer-opts": "JSON", "--sns-topics": "ARNS", "--status": "HOST:PORT", "--source": "QUEUE"}


def setting_options(command: Command) -> Command:
    """Give a command an option for each setting that has one; values stay text, so that all mistakes come at once."""
    for setting in reversed(SETTINGS):
        if setting.option:
            command = _option(setting.option, setting)(command)
    return command


def _option(name: str, setting: Setting) -> Callable[[Command], Command]:
    if setting.parse is switch:
        return click.option(name, is_flag=True, flag_value="1", default=None, help=setting.meaning)
    return click.option(name, metavar=_metavar(setting), help=_help(setting))


_ROUTE = ("--source", "--handler", "--translator", "--consumer", "--consumer-opts")
"""The options that say what the default route is."""


def route_options(command: Command) -> Command:
    """Give a command the options that say which configuration it looks at: those of a route, or an application."""
    for setting in reversed([each for each in SETTINGS if each.option in _ROUTE]):
        command = _option(str(setting.option), setting)(command)
    return click.option("--app", metavar="MODULE:APP", help="An application, named as for `loafer run`.")(command)


def configuration_options(command: Command) -> Command:
    """Give a command what says which configuration it looks at; an application may be an argument, too."""
    return click.argument("application", required=False, metavar="[MODULE:APP]")(route_options(command))


_MESSAGE_OPTIONS: tuple[Callable[[Command], Command], ...] = (
    click.option("--msg", required=True, metavar="TEXT", help="The message; - reads it from standard input."),
    click.option("--raw", is_flag=True, help="Send the text untouched, even if it is not JSON."),
    click.option("--attribute", multiple=True, metavar="NAME=VALUE", help="A message attribute; can be repeated."),
)


def message_options(command: Command) -> Command:
    """Give a command the options that say what to publish."""
    for decorate in reversed(_MESSAGE_OPTIONS):
        command = decorate(command)
    return command


def verbose_too(command: Command) -> Command:
    """Let -v stand after a command too, as whoever wants to see more of what just ran will write it."""
    return click.option("-v", "--verbose", count=True, expose_value=False, callback=_say_more, help="Log more.")(
        command
    )


class BesideGlobalOptions(click.Command):
    """A command that answers an option of loafer itself, given behind it, with where that stands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse its own options, as any command does."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name, root = error.option_name, ctx.find_root()
            if any(name in parameter.opts for parameter in root.command.params):
                right = f"{root.info_name} {name} … {ctx.info_name} …"
                raise click.UsageError(f"{name} stands before the command: {right}", ctx) from None
            raise


def _say_more(context: click.Context, _: click.Parameter, value: int) -> None:
    context.find_root().params["verbose"] += value


def _metavar(setting: Setting) -> str:
    if setting.meaning.startswith("Seconds"):
        return "SECONDS"
    return _METAVARS.get(setting.option or "", "NAME" if "." in (setting.default or "") else "N")


def _help(setting: Setting) -> str:
    default = "" if setting.default in {None, "None"} else f"  [default: {setting.default}]"
    return f"{setting.meaning}{default}"
