"""From layers to settings, by a pure function; and what is wrong with them."""

from collections.abc import Sequence
from typing import Any

from loafer.domain.shown import printable
from loafer.entrypoints.settings.mistakes import Layer, Mistake, Mistakes
from loafer.entrypoints.settings.table import (
    KEYS,
    SOURCE,
    SOURCE_EXAMPLE,
    FileSettings,
    Owner,
    RouteSettings,
    Settings,
    settings_of,
)


def load_settings(layers: Sequence[Layer], mistakes: Mistakes, *, source_required: bool = True) -> Settings:
    """Return what `layers` (the first that has a key wins) say, with the default route; adds to `mistakes`.

    In place of a mistaken value stands its default, and of a missing source "", so that the rest can be looked at:
    call `mistakes.raise_if_any()` before anything is started.
    """
    values, origins = _work_out(RouteSettings, layers, mistakes)
    if source_required and "source" not in origins:
        right = f"no source; set it to {SOURCE_EXAMPLE}, or give {SOURCE.option}"
        mistakes.add(Mistake(SOURCE.key, None, "set nowhere", right))
    route = RouteSettings(**{"source": "", **values}, origins=origins)
    values, origins = _work_out(Settings, layers, mistakes)
    return Settings(**values, routes=(route,), origins=origins)


def load_file_settings(environment: Layer, mistakes: Mistakes) -> FileSettings:
    """Return which project files the environment wants to be read; adds to `mistakes`."""
    values, _ = _work_out(FileSettings, [environment], mistakes)
    return FileSettings(**values)


def _work_out(owner: Owner, layers: Sequence[Layer], mistakes: Mistakes) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values and the origins that layers give to the fields of a class."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, each in settings_of(owner).items():
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
    return Mistake(found.key, found.show(str(getattr(owner, name))), owner.origins.get(name, "default"), expected)


def unknown_keys(layers: Sequence[Layer]) -> list[str]:
    """Return one sentence for each LOAFER_ key that is no setting: where it is, and the nearest that is one."""
    return [
        printable(f"{key} ({given.origin}) is no setting{_nearest(key)}")
        for layer in layers
        for key, given in layer.items()
        if key not in KEYS
    ]


def _nearest(key: str) -> str:
    import difflib  # noqa: PLC0415 - only a mistake needs it

    near = difflib.get_close_matches(key, KEYS, n=1)
    return f"; did you mean {near[0]}?" if near else ""
