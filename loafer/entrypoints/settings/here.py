"""The settings of this process, from wherever they are given: options, its environment, the files of its project."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from loafer.entrypoints.settings.layers import environment_layer, options_layer, warn_of_unknown_keys
from loafer.entrypoints.settings.load import load_file_settings, load_settings
from loafer.entrypoints.settings.mistakes import Layer, Mistakes
from loafer.entrypoints.settings.project import ProjectFiles, read_project_files
from loafer.entrypoints.settings.table import Settings


@attrs.frozen
class Here:
    """What was read, of which nothing was told yet: how the log looks is among it.

    Attributes:
        settings: The settings.

    """

    settings: Settings
    _layers: Sequence[Layer]
    _files: ProjectFiles
    _taken: list[str]

    def tell(self) -> None:
        """Log which files were read, and warn of what is no setting."""
        self._files.tell(self._taken)
        warn_of_unknown_keys(self._layers)


def settings_here(options: Mapping[str, object], mistakes: Mistakes, *, source_required: bool = False) -> Here:
    """Return the settings, and put the AWS variables of `.env` into the environment; adds to `mistakes`.

    Options go before the environment; they are named as those of the command line (`max_jobs`), None is not given.
    """
    environment = environment_layer(os.environ)
    files = read_project_files(Path.cwd(), load_file_settings(environment, mistakes), mistakes)
    taken = files.give_aws(os.environ)
    layers = (options_layer(options), environment, *files.layers)
    settings = load_settings(layers, mistakes, source_required=source_required, tables=files.tables)
    return Here(settings, layers, files, taken)
