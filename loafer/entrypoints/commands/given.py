"""What every command is given: its settings, and how much is to be said."""

from collections.abc import Mapping
from types import MappingProxyType

import click

from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings

NOTHING: Mapping[str, object] = MappingProxyType({})


def verbosity(context: click.Context) -> int:
    """Return how often -v was given."""
    return int(context.find_root().params["verbose"])


def read_settings(
    context: click.Context,
    mistakes: Mistakes,
    *,
    source_required: bool = False,
    runs: bool = False,
    quiet: bool = False,
    options: Mapping[str, object] = NOTHING,
) -> Settings:
    """Return the settings that options, environment and files give, and set up logging and AWS variables from them.

    `options` are those of the command itself; they go before those of the command line. A command that `runs` what is
    configured may have several processes. With `quiet`, for commands that print each message's end themselves, less is
    logged.
    """
    from loafer.entrypoints.settings.here import settings_here  # noqa: PLC0415 - `--help` needs neither files nor logs
    from loafer.entrypoints.worker.logs import set_up_logs  # noqa: PLC0415

    here = settings_here({**context.find_root().params, **options}, mistakes, source_required=source_required)
    several = runs and here.settings.processes > 1
    set_up_logs(here.settings, verbosity(context), mistakes, quiet=quiet, several=several)
    here.tell()
    return here.settings


def settings_alone(context: click.Context, *, quiet: bool = False) -> Settings:
    """Return the settings of a command that can add no mistakes of its own; ConfigurationError: there are some."""
    mistakes = Mistakes()
    settings = read_settings(context, mistakes, quiet=quiet)
    mistakes.raise_if_any()
    return settings
