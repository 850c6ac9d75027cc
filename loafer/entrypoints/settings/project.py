"""The files of a project: which folder they are in, what they say, and what is to be told of them."""

import logging
import os
import re
from collections.abc import Callable, Iterator, MutableMapping
from importlib import import_module
from pathlib import Path

import attrs

from loafer.domain.shown import printable
from loafer.entrypoints.settings.door import Opened, doubt_of_folder, open_file
from loafer.entrypoints.settings.load import Table
from loafer.entrypoints.settings.mistakes import Layer, Mistake, Mistakes
from loafer.entrypoints.settings.said import Read, Said
from loafer.entrypoints.settings.table import FOR_FILES, FileSettings

FORMATS: tuple[tuple[str, str], ...] = (
    (".env", "formats.read_env"),
    ("*.cfg", "formats.read_cfg"),
    ("loafer.toml", "toml.read_loafer_toml"),
    ("pyproject.toml", "toml.read_pyproject"),
)
"""The files of a project that are read, those first that win, and what reads them: imported where there is one."""

_ROOT_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")

_ALL_OURS = "loafer.toml"  # whatever is in such a file is a setting
_LONGEST_LOOKED_OVER = 16 * 1024  # characters of a file that is not believed
_OURS = re.compile(
    r"^[ \t]*(?:export[ \t]+)?['\"]?(?:LOAFER_|AWS_)|\[[ \t]*(?:tool[ \t]*\.[ \t]*)?['\"]?loafer",
    re.IGNORECASE | re.MULTILINE,
)

_EVERYBODYS = "pyproject.toml"
"""A file that projects have anyway: without a table of ours, it is nobody's business whether it would be believed."""

logger = logging.getLogger(__name__)


@attrs.define
class ProjectFiles:
    """What the files of a project say.

    Attributes:
        layers: The `.env` file, then all `*.cfg` files, then the TOML files.
        tables: What TOML files have for routes, by what stands for them in variables.
        aws: The AWS_ variables of the `.env` file; never shown, for there are credentials among them.
        used: The names of the files that said something.
        warnings: What is to be told of the others.

    """

    layers: list[Layer] = attrs.field(factory=list)
    tables: dict[str, Table] = attrs.field(factory=dict)
    aws: dict[str, str] = attrs.field(factory=dict, repr=False)
    used: list[str] = attrs.field(factory=list)
    warnings: list[str] = attrs.field(factory=list)

    def take(self, name: str, said: Said) -> None:
        """Take what a file says; what only the environment may say is left out, with a warning."""
        unheard = [setting.key for setting in FOR_FILES if setting.key in said.layer]
        self.warnings += [f"{key} ({said.layer[key].origin}) counts in the environment alone" for key in unheard]
        self.warnings += said.warnings
        layer = {key: given for key, given in said.layer.items() if key not in unheard}
        self.layers += [layer] if layer else []
        self.tables = {**said.tables, **self.tables}
        self.used += [name] if layer or said.aws or said.tables else []
        self.aws.update(said.aws)

    def tell(self, taken: list[str]) -> None:
        """Log what was read, the names of the AWS variables that were `taken` from it, and the warnings."""
        if self.used:
            logger.info("settings are read from %s", ", ".join(self.used))
        if taken:
            logger.info("AWS variables are taken from .env: %s", ", ".join(map(printable, taken)))
        for warning in self.warnings:
            logger.warning("%s", warning)

    def give_aws(self, environ: MutableMapping[str, str]) -> list[str]:
        """Put the AWS variables where there are none of their names, and return the names of those that were put."""
        taken = [name for name in self.aws if name not in environ]
        environ.update({name: self.aws[name] for name in taken})
        return taken


def project_folder(directory: Path) -> Path:
    """Return the nearest folder with a root marker, from `directory` upwards; without any it is `directory`."""
    for folder in (directory, *directory.parents):
        # Path.exists raises where a folder above may not be looked into.
        if any(os.path.exists(folder / marker) for marker in _ROOT_MARKERS):  # noqa: PTH110
            return folder
    return directory


def read_project_files(directory: Path, settings: FileSettings, mistakes: Mistakes) -> ProjectFiles:
    """Read the files of the project that a directory is in.

    What is not believed or cannot be read is skipped with a warning, and is a mistake where it is about loafer.
    """
    files = ProjectFiles()
    if settings.none:
        return files
    folder = project_folder(directory)
    sections = []
    for opened, read in _opened(folder, directory, settings, files.warnings, mistakes.add):
        if opened.refused is not None:
            _refuse(opened.name, opened.refused, _looked_over(opened, read), files, mistakes)
            continue
        said = read(opened.name, opened.text)
        files.take(opened.name, said)
        for mistake in said.mistakes:
            mistakes.add(mistake)
        sections += [opened.name] * said.section
    if len(sections) > 1:
        right = "each has a section for loafer; keep one of them"
        mistakes.add(Mistake(" and ".join(sections), None, "project files", right))
    if folder != directory:
        _tell_of_passed_over(folder, directory, settings, files.warnings, mistakes)
    return files


def _opened(
    folder: Path,
    directory: Path,
    settings: FileSettings,
    warnings: list[str],
    wrong: Callable[[Mistake], object] = lambda _: None,
) -> Iterator[tuple[Opened, Read]]:
    """Yield the files of a folder that are there and readable, those first that win, each with what reads it.

    One that is not readable is skipped with a warning, and is `wrong` where all that could be in it is ours.
    """
    for pattern, reader in FORMATS:
        for path in sorted(folder.glob(pattern)):
            name = os.path.relpath(path, directory)
            try:
                opened = open_file(path, name, trusting=settings.trusting)
            except (OSError, UnicodeDecodeError) as error:
                if name.endswith(_ALL_OURS):
                    what = "no text in UTF-8; save it as that" if isinstance(error, ValueError) else str(error.strerror)
                    wrong(Mistake(name, None, "project file", f"it cannot be read: {what}"))
                    continue
                warnings.append(printable(f"{name} is skipped, it cannot be read: {type(error).__name__}"))
                continue
            if opened is not None:
                yield opened, _read_by(reader)


def _read_by(reader: str) -> Read:
    module, _, name = reader.partition(".")
    read: Read = getattr(import_module(f"{__package__}.{module}"), name)
    return read


def _refuse(name: str, why: str, said: Said, files: ProjectFiles, mistakes: Mistakes) -> None:
    refused = Mistake(name, None, "project file", f"not read, for {why}")
    if said.concerns_us:
        mistakes.add(refused)
    elif os.path.basename(name) != _EVERYBODYS:  # noqa: PTH119 - it is a name, and no path of a file any more
        files.warnings.append(f"skipped: {refused}")


def _looked_over(opened: Opened, read: Read) -> Said:
    """Return what a file says that is not believed; a long one is not taken apart: it may be made to take minutes."""
    if len(opened.text) <= _LONGEST_LOOKED_OVER:
        return read(opened.name, opened.text)
    return Said(section=opened.name.endswith(_ALL_OURS) or _OURS.search(opened.text) is not None)


def _tell_of_passed_over(
    folder: Path, directory: Path, settings: FileSettings, warnings: list[str], mistakes: Mistakes
) -> None:
    """Tell of files in the working directory that would be read if it were the project's root.

    It is a mistake where others may have put there what makes a folder above the root: settings must not be lost so.
    """
    doubt = None if settings.trusting else doubt_of_folder(folder)
    root = os.path.relpath(folder, directory)
    for opened, read in _opened(directory, directory, settings, []):
        if opened.refused is None and read(opened.name, opened.text).concerns_us:
            if doubt is None:
                warnings.append(
                    printable(f"{opened.name} is not read: settings are those of the project's root, {root}")
                )
                continue
            right = "give the project a root of its own, by a pyproject.toml beside the file"
            why = f"not read, for {root} makes itself the project's root, and {doubt}; {right}"
            mistakes.add(Mistake(opened.name, None, "project file", why))
