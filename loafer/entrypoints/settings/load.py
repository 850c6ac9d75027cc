"""From layers to settings, by a pure function; and what is wrong with them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs

from loafer.domain.shown import printable
from loafer.entrypoints.settings.keys import did_you_mean, key_for, keys_of_its_route, route_of
from loafer.entrypoints.settings.mistakes import Layer, Mistake, Mistakes
from loafer.entrypoints.settings.setting import Setting
from loafer.entrypoints.settings.table import (
    DEFAULT,
    KEYS,
    SOURCE,
    SOURCE_EXAMPLE,
    FileSettings,
    RouteSettings,
    Settings,
    settings_of,
)


@attrs.frozen
class Table:
    """What a TOML file calls a route, and where."""

    name: str
    origin: str


NO_TABLES: Mapping[str, Table] = MappingProxyType({})
IN_CODE = "an application in code is run with: loafer run MODULE:APP"


def load_settings(
    layers: Sequence[Layer],
    mistakes: Mistakes,
    *,
    source_required: bool = True,
    tables: Mapping[str, Table] = NO_TABLES,
) -> Settings:
    """Return what `layers` (the first that has a key wins) say, the default route first; adds to `mistakes`.

    `tables` are those that TOML files have for routes. In place of a mistaken value stands its default, and of a
    missing source "", so that the rest can be looked at: call `mistakes.raise_if_any()` before anything is started.
    """
    named = {route for layer in layers for route in map(route_of, layer) if route is not None}
    keys = [DEFAULT, *sorted({*named, *tables} - {DEFAULT})]
    routes = tuple(_route(key, layers, mistakes, tables.get(key)) for key in keys)
    if source_required and not any(route.whole or "source" in route.origins for route in routes):
        right = f"no source; set it to {SOURCE_EXAMPLE}, or give {SOURCE.option}; {IN_CODE}"
        mistakes.add(Mistake(SOURCE.key, None, "set nowhere", right))
    values, origins = _work_out(settings_of(Settings), layers, mistakes)
    return Settings(**values, routes=routes, origins=origins)


def _route(key: str, layers: Sequence[Layer], mistakes: Mistakes, table: Table | None) -> RouteSettings:
    named = {name: attrs.evolve(each, key=key_for(key, each)) for name, each in settings_of(RouteSettings).items()}
    values, origins = _work_out(named, layers, mistakes)
    given = {"source": "", **values}
    if key != DEFAULT:
        given.setdefault("name", key.lower() if table is None else table.name)
    return RouteSettings(**given, key=key, table=None if table is None else table.origin, origins=origins)


def load_file_settings(environment: Layer, mistakes: Mistakes) -> FileSettings:
    """Return which project files the environment wants to be read; adds to `mistakes`."""
    values, _ = _work_out(settings_of(FileSettings), [environment], mistakes)
    return FileSettings(**values)


def _work_out(
    settings: Mapping[str, Setting], layers: Sequence[Layer], mistakes: Mistakes
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values and the origins that layers give to the fields of a class, whose settings these are."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, each in settings.items():
        given = next((layer[each.key] for layer in layers if each.key in layer), None)
        if given is None:
            continue
        origins[name] = given.origin
        try:
            values[name] = each.parse(given.value)
        except ValueError as error:
            mistakes.add(Mistake(each.key, each.show(given.value), given.origin, str(error)))
    return values, origins


def mistake_in(owner: Settings | RouteSettings, name: str, expected: str) -> Mistake:
    """Return the mistake that a field's value turned out to be later, as when a handler does not import."""
    found = settings_of(type(owner))[name]
    key = key_for(owner.key, found) if isinstance(owner, RouteSettings) else found.key
    value = getattr(owner, name)
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return Mistake(key, found.show(text), owner.origins.get(name, "default"), expected)


def unknown_keys(layers: Sequence[Layer]) -> list[str]:
    """Return one sentence for each LOAFER_ key that is no setting: where it is, and the nearest that is one."""
    known = {*KEYS, *(key for layer in layers for key in layer if route_of(key) is not None)}
    return [
        printable(f"{key} ({given.origin}) is no setting{did_you_mean(key, sorted({*known, *keys_of_its_route(key)}))}")
        for layer in layers
        for key, given in layer.items()
        if key not in known
    ]
