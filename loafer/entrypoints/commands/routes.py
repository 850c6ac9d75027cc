"""The routes of an application in code, as a table."""

from collections.abc import Sequence

import click

from loafer.application.registered import Registered
from loafer.domain.shown import without_secrets
from loafer.entrypoints.commands.given import read_settings
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings
from loafer.entrypoints.wiring.applications import settings_beside
from loafer.entrypoints.worker.manager import Manager

HEAD = ("route", "source", "handler", "when", "max jobs", "weight", "rate", "batch", "line")


def routes_of(context: click.Context, named: str) -> tuple[Sequence[str], list[Sequence[object]]]:
    """Return the head and the rows of the table, without columns that are empty; nothing is opened.

    Raises:
        ConfigurationError: something is wrong with the settings or the application; all of it is said.

    """
    mistakes = Mistakes()
    manager = Manager(settings_beside(read_settings(context, mistakes), named), mistakes)
    with manager.prepared():
        assert manager.application is not None  # noqa: S101 - it would have been a mistake
        rows = [_row(route) for route in manager.application.routes()]
        rows += [_row_of_settings(route) for route in manager.settings.routes]
    said = [place for place in range(len(HEAD)) if any(row[place] != "" for row in rows)]
    return [HEAD[place] for place in said], [[row[place] for place in said] for row in rows]


def _row(route: Registered) -> Sequence[object]:
    batch = "" if route.batching is None else route.batching.size
    when = "" if route.when is None else str(route.rule)
    given = ("" if value is None else value for value in (route.max_jobs, route.weight, route.rate))
    return (route.name, without_secrets(route.source), route.handler_name, when, *given, batch, route.line)


def _row_of_settings(route: RouteSettings) -> Sequence[object]:
    jobs = "" if route.max_jobs is None else route.max_jobs
    weight = route.weight if "weight" in route.origins else ""
    return (route.name, without_secrets(route.source), route.handler, "", jobs, weight, "", "", "settings")
