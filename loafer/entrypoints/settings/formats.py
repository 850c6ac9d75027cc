"""How `.env` and `*.cfg` files say settings: from a file's text to a layer, and to what is wrong with it."""

import io
import re
from configparser import DuplicateOptionError, DuplicateSectionError, ParsingError, RawConfigParser
from configparser import Error as CfgError

from dotenv.parser import parse_stream

from loafer.domain.shown import printable
from loafer.entrypoints.settings.keys import PREFIX
from loafer.entrypoints.settings.mistakes import Given, Mistake
from loafer.entrypoints.settings.said import Said

_AWS_PREFIX = "AWS_"
_SECTIONS = ("loafer", "settings")
_LIKE_OURS = re.compile(r"(?:tool\W*)?loafer", re.IGNORECASE)


def read_env(name: str, text: str) -> Said:
    """Read a `.env` file."""
    variables: dict[str, Given] = {}
    mistakes, warnings = [], []
    for binding in parse_stream(io.StringIO(text)):
        written = binding.original.string
        blank = len(written) - len(written.lstrip())
        origin = f"line {binding.original.line + written.count(chr(10), 0, blank)}"
        if binding.key and binding.value is not None:
            variables[binding.key] = Given(binding.value, f"{name} {origin}")
        elif binding.key or binding.error:
            mistake = Mistake(name, None, origin, "not readable; write NAME=value, and close every quote")
            if PREFIX in written:
                mistakes.append(mistake)
            else:
                warnings.append(f"skipped: {mistake}")
    return Said(
        {key: given for key, given in variables.items() if key.startswith(PREFIX)},
        {key: given.value for key, given in variables.items() if key.startswith(_AWS_PREFIX)},
        tuple(mistakes),
        tuple(warnings),
    )


def read_cfg(name: str, text: str) -> Said:
    """Read a `*.cfg` file."""
    # A [DEFAULT] section would show up in all others, under their names.
    parser = RawConfigParser(default_section="")
    try:
        parser.read_string(text)
    except CfgError as error:
        mistake = Mistake(name, None, f"line {_line(error)}", _complaint(error))
        if PREFIX in text.upper() or f"[{_SECTIONS[0]}]" in text:
            return Said(mistakes=(mistake,))
        return Said(warnings=(f"skipped: {mistake}",))
    layer: dict[str, Given] = {}
    for section in filter(parser.has_section, _SECTIONS):
        for key, value in _settings_in(parser, section):
            layer.setdefault(key, Given(value, f"{name} [{section}]"))
    warnings = tuple(
        printable(f"{name} [{section}] is no section of loafer's, and is not read; write [{_SECTIONS[0]}]")
        for section in parser.sections()
        if section not in _SECTIONS and (_LIKE_OURS.match(section) or _has_ours(parser, section))
    )
    return Said(layer, {}, (), warnings, bool(layer) or parser.has_section(_SECTIONS[0]))


def _settings_in(parser: RawConfigParser, section: str) -> list[tuple[str, str]]:
    """Return the settings in a section; in loafer's own they need no prefix."""
    pairs = [(written.upper(), value) for written, value in parser.items(section)]
    if section == _SECTIONS[0]:
        pairs = [(PREFIX + key.removeprefix(PREFIX), value) for key, value in pairs]
    return [(key, value) for key, value in pairs if key.startswith(PREFIX)]


def _has_ours(parser: RawConfigParser, section: str) -> bool:
    return any(key.upper().startswith(PREFIX) for key, _ in parser.items(section))


def _line(error: CfgError) -> int:
    # Only a plain ParsingError is about several lines.
    return int(error.errors[0][0] if type(error) is ParsingError else getattr(error, "lineno", 1))


def _complaint(error: CfgError) -> str:
    if isinstance(error, DuplicateOptionError | DuplicateSectionError):
        return "given twice; keep one of the two"
    return "not readable; write KEY = value under [loafer]"
