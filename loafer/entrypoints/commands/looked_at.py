"""What the commands that look at a configuration from outside have in common: which one, and what it uses."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from loafer.domain.uses import Uses
from loafer.entrypoints.commands.given import read_settings
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.apart import routes_apart
from loafer.entrypoints.wiring.applications import settings_beside, settings_without
from loafer.entrypoints.wiring.uses import uses_of
from loafer.entrypoints.worker.manager import Manager
from loafer.ports.reader import Reader

Returned = TypeVar("Returned")


def looked_at(context: click.Context, named: str | None, options: dict[str, Any]) -> Uses:
    """Return what `loafer` or, with an application named, `loafer run` would use, with the same options and settings.

    Raises:
        ConfigurationError: something is wrong with the settings or the application; all of it is said.

    """
    manager = Manager(*_settings_of(context, named, options))
    with manager.prepared() as dispatcher:
        return uses_of(dispatcher, manager.application, manager.settings)


def _settings_of(context: click.Context, named: str | None, options: dict[str, Any]) -> tuple[Settings, Mistakes]:
    mistakes = Mistakes()
    given = {name: value for name, value in options.items() if value is not None}
    settings = read_settings(context, mistakes, source_required=named is None, quiet=True, options=given)
    if named is None:
        return settings_without(routes_apart(settings, mistakes)), mistakes
    return settings_beside(settings, named), mistakes


def reading(read: Callable[[Reader], Awaitable[Returned]]) -> Returned:
    """Return what `read` makes of a reader, which is closed then."""
    from loafer.adapters.aws.reader import AWSReader  # noqa: PLC0415 - it imports the SDK

    async def run() -> Returned:
        reader = AWSReader()
        try:
            return await read(reader)
        finally:
            await reader.close()

    return asyncio.run(run())
