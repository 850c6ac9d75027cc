"""Where settings are given: options, the environment, and the `.env` and `*.cfg` files of a project, as layers."""

import io
import logging
import os
from collections.abc import Mapping, Sequence
from configparser import DuplicateOptionError, DuplicateSectionError, ParsingError, RawConfigParser
from configparser import Error as CfgError
from pathlib import Path

import attrs
from dotenv.parser import parse_stream

from loafer.entrypoints.settings.mistakes import Given, Layer, Mistake, Mistakes
from loafer.entrypoints.settings.table import SETTINGS, unknown_keys

_PREFIX = "LOAFER_"
_AWS_PREFIX = "AWS_"
_ROOT_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
_SECTIONS = ("loafer", "settings")

logger = logging.getLogger(__name__)


@attrs.frozen
class ProjectFiles:
    """What the files of a project say.

    Attributes:
        layers: All `.env` files from the nearest folder to the project root, then all `*.cfg` files.
        aws: The AWS_ variables of the `.env` files; never shown, for there are credentials among them.

    """

    layers: tuple[Layer, ...]
    aws: Mapping[str, str] = attrs.field(repr=False)


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
    return {key: Given(value, "environment variable") for key, value in environ.items() if key.startswith(_PREFIX)}


def read_project_files(directory: Path, mistakes: Mistakes) -> ProjectFiles:
    """Read the `.env` and `*.cfg` files from `directory` upwards to the project root.

    What cannot be read is skipped with a warning, and is a mistake where it is about loafer.
    """
    folders = project_folders(directory)
    env: list[Layer] = []
    aws: dict[str, str] = {}
    for folder in folders:
        variables = _read_env(folder / ".env", directory, mistakes)
        env.append({key: given for key, given in variables.items() if key.startswith(_PREFIX)})
        aws = {key: given.value for key, given in variables.items() if key.startswith(_AWS_PREFIX)} | aws
    cfg = [_read_cfg(path, directory, mistakes) for folder in folders for path in sorted(folder.glob("*.cfg"))]
    return ProjectFiles(tuple(layer for layer in (*env, *cfg) if layer), aws)


def project_folders(directory: Path) -> list[Path]:
    """Return the folders from `directory` up to the project root, nearest first; without a root only `directory`."""
    folders = [directory, *directory.parents]
    for count, folder in enumerate(folders, start=1):
        # Path.exists raises where a folder above may not be looked into.
        if any(os.path.exists(folder / marker) for marker in _ROOT_MARKERS):  # noqa: PTH110
            return folders[:count]
    return [directory]


def warn_of_unknown_keys(layers: Sequence[Layer]) -> None:
    """Log a warning for each LOAFER_ key that is no setting, with the nearest one that is."""
    for sentence in unknown_keys(layers):
        logger.warning("%s", sentence)


def _read_env(path: Path, directory: Path, mistakes: Mistakes) -> Layer:
    name, content = os.path.relpath(path, directory), _content(path)
    variables: dict[str, Given] = {}
    for binding in parse_stream(io.StringIO(content)):
        written = binding.original.string
        blank = len(written) - len(written.lstrip())
        origin = f"line {binding.original.line + written.count(chr(10), 0, blank)}"
        if binding.key and binding.value is not None:
            variables[binding.key] = Given(binding.value, f"{name} {origin}")
        elif binding.key or binding.error:
            mistake = Mistake(name, None, origin, "not readable; write NAME=value, and close every quote")
            _skip(mistake, mistakes, ours=_PREFIX in written)
    return variables


def _read_cfg(path: Path, directory: Path, mistakes: Mistakes) -> Layer:
    name, content = os.path.relpath(path, directory), _content(path)
    # A [DEFAULT] section would show up in all others, under their names.
    parser = RawConfigParser(default_section="")
    try:
        parser.read_string(content)
    except CfgError as error:
        mistake = Mistake(name, None, f"line {_line(error)}", _complaint(error))
        _skip(mistake, mistakes, ours=_PREFIX in content.upper() or f"[{_SECTIONS[0]}]" in content)
        return {}
    layer: dict[str, Given] = {}
    for section in filter(parser.has_section, _SECTIONS):
        for written, value in parser.items(section):
            key = written.upper()
            if section == _SECTIONS[0]:
                key = _PREFIX + key.removeprefix(_PREFIX)
            if key.startswith(_PREFIX):
                layer.setdefault(key, Given(value, f"{name} [{section}]"))
    return layer


def _content(path: Path) -> str:
    """Return a file's text; "" where there is no such file, or it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        logger.warning("%s is skipped, it cannot be read: %s", path, type(error).__name__)
        return ""


def _skip(mistake: Mistake, mistakes: Mistakes, *, ours: bool) -> None:
    if ours:
        mistakes.add(mistake)
    else:
        logger.warning("skipped: %s", mistake)


def _line(error: CfgError) -> int:
    # Only a plain ParsingError is about several lines.
    return int(error.errors[0][0] if type(error) is ParsingError else getattr(error, "lineno", 1))


def _complaint(error: CfgError) -> str:
    if isinstance(error, DuplicateOptionError | DuplicateSectionError):
        return "given twice; keep one of the two"
    return "not readable; write KEY = value under [loafer]"
