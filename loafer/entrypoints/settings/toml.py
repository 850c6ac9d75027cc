"""What `loafer.toml` and `[tool.loafer]` in `pyproject.toml` say, with the line of each value and of each mistake."""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from loafer.domain.retry import Retry
from loafer.domain.shown import printable
from loafer.entrypoints.settings.keys import PREFIX, key_for, key_of_name, no_setting
from loafer.entrypoints.settings.load import Table
from loafer.entrypoints.settings.mistakes import Given, Mistake
from loafer.entrypoints.settings.said import Said
from loafer.entrypoints.settings.setting import Setting
from loafer.entrypoints.settings.table import FileSettings, RouteSettings, Settings, settings_of

Path: TypeAlias = tuple[str, ...]

OURS = ("tool", "loafer")
"""The table of `pyproject.toml` that is loafer's."""

_HEADER = re.compile(r"\s*\[{1,2}([^\[\]]+)\]{1,2}\s*(?:#.*)?")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*(?:[\w-]+|"[^"\n]*"|'[^'\n]*'))*)\s*=""")
_END = "\n"
_TOO_DEEP = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""")
"""The beginning of a key of more names than any setting has: a reader of TOML takes a minute for some thousands."""
DEEPEST = 64
"""Tables and arrays within each other that options may have."""
_AT_LINE = re.compile(r"at line (\d+)")
_RIGHT: tuple[tuple[object, tuple[type, ...], str], ...] = (
    (bool, (bool,), "true or false"),
    (int, (int,), "a whole number"),
    (float, (int, float), "a number"),
    (Retry, (int, float, str), "a number, or 'exponential'"),
    (Mapping, (dict,), "a table"),
    (tuple, (list,), "an array of strings"),
    (str, (str,), "a string"),
)
"""Of the types that fields have: which types of TOML are right for them, and how those are called."""

_CALLED: Mapping[type, str] = {
    bool: "a truth value", int: "a whole number", float: "a number", str: "a string", dict: "a table", list: "an array",
}  # fmt: skip


def read_loafer_toml(name: str, text: str) -> Said:
    """Read a `loafer.toml`."""
    return _read(name, text, (), ours=lambda _: True)


def read_pyproject(name: str, text: str) -> Said:
    """Read the table `[tool.loafer]` of a `pyproject.toml`."""
    return _read(name, text, OURS, ours=lambda text: ".".join(OURS) in text)


def _read(name: str, text: str, root: Path, *, ours: Callable[[str], bool]) -> Said:
    try:
        whole = _parsed(text)
    except (ValueError, RecursionError) as error:
        line = _AT_LINE.search(str(error))
        reason = "" if isinstance(error, RecursionError) else f" ({printable(str(error).partition(' (at ')[0])})"
        unreadable = f"not readable as TOML{reason}; write key = value"
        what = "nested too deeply" if isinstance(error, _TooDeepError) else unreadable
        mistake = Mistake(name, None, f"line {line[1]}" if line else "TOML", what)
        return Said(mistakes=(mistake,)) if ours(text) else Said(warnings=(f"skipped: {mistake}",))
    table: Any = whole
    for key in root:
        table = table.get(key, {}) if isinstance(table, dict) else {}
    if not table:
        return Said()
    reader = _Reader(name, root, Lines(text))
    if isinstance(table, dict):
        reader.read(table)
    else:
        reader.wrong((), f"{_CALLED.get(type(table), 'a value')}; give a table")
    return Said(reader.layer, {}, tuple(reader.mistakes), tables=reader.tables)


class _TooDeepError(ValueError):
    """A key has more names than any of ours."""


def _parsed(text: str) -> dict[str, Any]:
    deep = _TOO_DEEP.search(text)
    if deep is not None:
        raise _TooDeepError(f"at line {1 + text[: deep.start()].count(_END)}")
    return tomllib.loads(text)


@attrs.frozen
class Lines:
    """Finds the line on which a table or a value of a TOML text is written."""

    text: str
    _found: dict[Path, int] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Look at every line once; what only looks like a key, inside a text of many lines, is found in vain."""
        within: Path = ()
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := _HEADER.fullmatch(line):
                within = path = _path(header[1]) or within
            elif key := _KEY.match(line):
                path = (*within, *_path(key[1]))
            else:
                continue
            for length in range(len(within) or 1, len(path) + 1):
                self._found.setdefault(path[:length], number)

    def of(self, path: Path) -> int:
        """Return the line of a path; where it is inside of a value, that of the value."""
        return next((self._found[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self._found), 1)


def _path(written: str) -> Path:
    """Return the keys of a dotted key; none where it is no key."""
    try:
        table: Any = _parsed(f"{written} = 0")
    except (ValueError, RecursionError):
        return ()
    path: list[str] = []
    while isinstance(table, dict):
        [(key, table)] = table.items()
        path.append(key)
    return tuple(path)


@attrs.define
class _Reader:
    """Reads loafer's own table; `root` is where it stands."""

    name: str
    root: Path
    lines: Lines
    layer: dict[str, Given] = attrs.field(factory=dict)
    tables: dict[str, Table] = attrs.field(factory=dict)
    mistakes: list[Mistake] = attrs.field(factory=list)

    def read(self, table: Mapping[str, Any]) -> None:
        routes = table.get("routes", {})
        for key, value in table.items():
            if key != "routes":
                self._take((key,), value, _GLOBAL, lambda setting: setting.key)
        if not isinstance(routes, dict):
            self.wrong(("routes",), f"{_CALLED.get(type(routes), 'a value')}; write [routes.NAME]")
            return
        for name, route in routes.items():
            self._read_route(name, route)

    def _read_route(self, name: str, route: object) -> None:
        path, key = ("routes", name), key_of_name(name)
        if not isinstance(route, dict):
            self.wrong(path, f"{_CALLED.get(type(route), 'a value')}; write [routes.{name}]")
        elif not name.strip():
            self.wrong(path, "a route without a name; give one")
        elif key in self.tables:
            other = self.tables[key]
            self.wrong(path, f"{other.name!r} ({other.origin}) has the same name in variables; give another one")
        else:
            self.tables[key] = Table(name, self._origin(path))
            for field, value in route.items():
                self._take((*path, field), value, _OF_ROUTE, lambda setting: key_for(key, setting))

    def _take(self, path: Path, value: object, known: "Mapping[str, _Known]", key_of: Callable[[Setting], str]) -> None:
        found = known.get(path[-1])
        if found is None:
            self.wrong(path, no_setting(path, known))
            return
        try:
            text = found.text_of(value)
        except ValueError as error:
            self.wrong(path, str(error))
            return
        self.layer[key_of(found.setting)] = Given(text, self._origin(path))

    def wrong(self, path: Path, what: str) -> None:
        shown = ".".join(path) or ".".join(self.root)
        self.mistakes.append(Mistake(shown, None, self._origin(path), what))

    def _origin(self, path: Path) -> str:
        return f"{self.name} line {self.lines.of((*self.root, *path))}"


@attrs.frozen
class _Known:
    """A setting, and which types of TOML it may have."""

    setting: Setting
    types: tuple[type, ...]
    right: str

    def text_of(self, value: object) -> str:
        """Return a value as variables write it; ValueError says what it is, and what would be right."""
        if type(value) not in self.types:
            raise ValueError(f"{_CALLED.get(type(value), 'a value')}; give {self.right}")
        if isinstance(value, bool):
            return str(int(value))
        if isinstance(value, list):
            if not all(isinstance(each, str) for each in value):
                raise ValueError(f"an array of something else; give {self.right}")
            return ",".join(value)
        if isinstance(value, dict):
            if _depth(value) > DEEPEST:
                raise ValueError("a table that is nested too deeply; give a flat one")
            try:
                return json.dumps(value)
            except TypeError as error:
                raise ValueError("a table with a date or a time in it; give numbers, strings and the like") from error
        return str(value)


def _depth(value: object) -> int:
    """Return how many tables and arrays are within each other in a value; Pythons differ in how many they bear."""
    level, depth = [value], 0
    while level := [inner for outer in level for inner in _inner(outer)]:
        depth += 1
    return depth


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _known(owner: Any, prefix: str) -> Iterator[tuple[str, _Known]]:
    settings = settings_of(owner)
    for field in attrs.fields(owner):
        if field.name in settings:
            written = settings[field.name].key.removeprefix(PREFIX).removeprefix(prefix).removeprefix("ROUTE_")
            yield written.lower(), _Known(settings[field.name], *_types_of(field.type))


def _types_of(annotation: Any) -> tuple[tuple[type, ...], str]:
    parts = getattr(annotation, "__args__", None) if type(annotation).__name__ == "UnionType" else None
    first = (parts or (annotation,))[0]
    kind = getattr(first, "__origin__", first)
    return next((types, right) for of, types, right in _RIGHT if of is kind)


_GLOBAL: Mapping[str, _Known] = {**dict(_known(Settings, "")), **dict(_known(FileSettings, ""))}
_OF_ROUTE: Mapping[str, _Known] = dict(_known(RouteSettings, "DEFAULT_"))
"""The settings by the names that they have in TOML: those of their variables, without what all have in common."""
