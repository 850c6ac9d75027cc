"""The routes that configuration makes by itself, and what is said of those that it does not."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from loafer.domain.shown import printable
from loafer.entrypoints.settings.keys import did_you_mean, key_for, nearest
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import DEFAULT, RouteSettings, Settings, settings_of

logger = logging.getLogger(__name__)


def routes_apart(settings: Settings, mistakes: Mistakes, names: Mapping[str, str] | None = None) -> Settings:
    """Return settings with the routes that can run by themselves; of the others it is told why they cannot.

    `names` are those of an application's routes, by what stands for them in variables; None: there is none. What a TOML
    file says of no route is a mistake; of variables, which another application may have too, there is a warning.
    """
    whole = tuple(route for route in settings.routes if route.whole)
    known = {**(names or {}), **{route.key: route.name for route in whole}}
    for route in settings.routes:
        if route.whole:
            continue
        if route.table is not None:
            mistakes.tell(f"{route.table}: {_no_route(route, settings, list(known.values()))}")
        elif route.key != DEFAULT:
            _warn(route, list(known))
    if not whole and names is None:
        whole = tuple(route for route in settings.routes if route.key == DEFAULT)  # which has no source: that is told
    return attrs.evolve(settings, routes=whole)


def _no_route(route: RouteSettings, settings: Settings, names: Sequence[str]) -> str:
    of = "" if settings.application is None else f" of {settings.application}"
    lacks = " and ".join(_lacking(route))
    return f"[routes.{route.name}] is no route{of}, and has no {lacks}{did_you_mean(route.name, names)}"


def _lacking(route: RouteSettings) -> Iterator[str]:
    if not route.source:
        yield "source"
    if "handler" not in route.origins:
        yield "handler"


def _warn(route: RouteSettings, keys: Sequence[str]) -> None:
    settings = settings_of(RouteSettings)
    near = nearest(route.key, keys)
    for field, origin in route.origins.items():
        if near is not None:
            right = f"did you mean {key_for(near, settings[field])}?"
        else:
            lacking = " and ".join(key_for(route.key, settings[each]) for each in _lacking(route))
            right = f"a route of its own needs {lacking} too"
        logger.warning("%s", printable(f"{key_for(route.key, settings[field])} ({origin}) is of no route; {right}"))


def warn_of_shared_queues(receiving: Iterable[tuple[str, str]]) -> None:
    """Warn of each that receives from a queue that another one, before it, receives from, by their names and sources.

    A name, and a URL or ARN that ends with it, are taken for one queue.
    """
    before: dict[str, list[tuple[str, str]]] = {}
    for name, source in receiving:
        queue = re.split("[/:]", source)[-1]
        others = before.setdefault(queue, [])
        for other in (other for other, elsewhere in others if source in (elsewhere, queue) or elsewhere == queue):
            text = "routes %s and %s both receive from %s, and each of its messages comes to either of them; %s"
            right = "give the routes in code conditions, `when=`, or keep one of them"
            logger.warning(text, printable(other), printable(name), printable(queue), right)
            break
        others.append((name, source))
