"""The names of settings: those of a route's own, and the nearest to a name that is none."""

import re
from collections.abc import Iterable, Sequence

from loafer.entrypoints.settings.setting import Setting
from loafer.entrypoints.settings.table import DEFAULT, RouteSettings, settings_of

PREFIX = "LOAFER_"
"""How every key begins."""

IN_CODE_ALONE = {"burst", "content", "prefetch", "rate", "reject", "size", "wait", "when"}
"""What a route in code may be given, and no setting says."""

_OF_DEFAULT = f"{PREFIX}{DEFAULT}_"
_SUFFIXES = [each.key.removeprefix(_OF_DEFAULT) for each in settings_of(RouteSettings).values()]
_OF_ROUTE = re.compile(rf"{PREFIX}([A-Z0-9_]+)_({'|'.join(_SUFFIXES)})")


def key_for(route: str, setting: Setting) -> str:
    """Return the key of a route's setting; `route` is what stands for it there."""
    return setting.key.replace(_OF_DEFAULT, f"{PREFIX}{route}_", 1)


def key_of_name(name: str) -> str:
    """Return what stands for a route of this name in its variables."""
    return re.sub("[^A-Z0-9]", "_", name.upper())


def route_of(key: str) -> str | None:
    """Return what stands for the route in the key of one of its settings; None if it is another key."""
    match = _OF_ROUTE.fullmatch(key)
    return None if match is None else match[1]


def keys_of_its_route(key: str) -> list[str]:
    """Return all keys of the route that a key speaks of, though it is none of them itself; nothing for any other."""
    begun = "|".join(sorted({each.partition("_")[0] for each in _SUFFIXES}))
    match = re.match(rf"({PREFIX}[A-Z0-9_]+?)_(?:{begun})_", key)
    return [] if match is None else [f"{match[1]}_{suffix}" for suffix in _SUFFIXES]


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of some names that is most like a name; None where none is."""
    import difflib  # noqa: PLC0415 - only a mistake needs it

    near = difflib.get_close_matches(name, list(names), n=1)
    return near[0] if near else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return what ends a sentence about a name that is none: the nearest that is one; nothing where none is near."""
    near = nearest(name, names)
    return "" if near is None else f"; did you mean {near}?"


def no_setting(path: Sequence[str], known: Iterable[str]) -> str:
    """Return what is wrong with a key of a TOML file that is no setting, and what would be right."""
    name, of_route = path[-1].lower(), len(path) > 1
    if of_route and name in IN_CODE_ALONE:
        return "no setting, for code alone says it"
    if name == "loafer":
        return "no setting; leave [loafer] out, for all that stands here is loafer's"
    return f"no setting{did_you_mean(name, known if of_route else [*known, 'routes'])}"
