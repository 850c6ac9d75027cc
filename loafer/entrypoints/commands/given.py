"""What every command is given: its settings, and how much is to be said."""

import os
from collections.abc import Mapping
from types import MappingProxyType

import click

from loafer.entrypoints.settings.load import load_file_settings, load_settings
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
    quiet: bool = False,
    options: Mapping[str, object] = NOTHING,
) -> Settings:
    """Return the settings that options, environment and files give, and set up logging and AWS variables from them.

    `options` are those of the command itself; they go before those of the command line. With `quiet`, for commands that
    print each message's end themselves, less is logged.
    """
    from pathlib import Path  # noqa: PLC0415 - `--help` needs neither files nor logs

    from loafer.entrypoints.settings import layers as given  # noqa: PLC0415
    from loafer.entrypoints.settings.project import read_project_files  # noqa: PLC0415
    from loafer.entrypoints.worker.logs import set_up_logs  # noqa: PLC0415

    environment = given.environment_layer(os.environ)
    files = read_project_files(Path.cwd(), load_file_settings(environment, mistakes), mistakes)
    taken = files.give_aws(os.environ)
    layers = (given.options_layer({**context.find_root().params, **options}), environment, *files.layers)
    settings = load_settings(layers, mistakes, source_required=source_required)
    several = (source_required or "processes" in options) and settings.processes > 1
    set_up_logs(settings, verbosity(context), mistakes, quiet=quiet, several=several)
    files.tell(taken)
    given.warn_of_unknown_keys(layers)
    return settings


def settings_alone(context: click.Context, *, quiet: bool = False) -> Settings:
    """Return the settings of a command that can add no mistakes of its own; ConfigurationError: there are some."""
    mistakes = Mistakes()
    settings = read_settings(context, mistakes, quiet=quiet)
    mistakes.raise_if_any()
    return settings
