"""Where settings are given: options, the environment, and the files of a project, as layers."""

import logging
from collections.abc import Mapping, Sequence

from loafer.entrypoints.settings.keys import PREFIX
from loafer.entrypoints.settings.load import unknown_keys
from loafer.entrypoints.settings.mistakes import Given, Layer
from loafer.entrypoints.settings.table import SETTINGS

logger = logging.getLogger(__name__)


def options_layer(parameters: Mapping[str, object]) -> Layer:
    """Return what command line options say; parameters are named like their option (`max_jobs`), None is not given."""
    layer = {}
    for setting in SETTINGS:
        value = parameters.get((setting.option or "").lstrip("-").replace("-", "_"))
        if value is not None:
            layer[setting.key] = Given(str(value), f"option {setting.option}")
    return layer


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Return what the LOAFER_ variables of an environment say."""
    return {key: Given(value, "environment variable") for key, value in environ.items() if key.startswith(PREFIX)}


def warn_of_unknown_keys(layers: Sequence[Layer]) -> None:
    """Log a warning for each LOAFER_ key that is no setting, with the nearest one that is."""
    for sentence in unknown_keys(layers):
        logger.warning("%s", sentence)
