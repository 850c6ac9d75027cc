"""The publishers of an application, opened before anything may publish and closed after everything that did."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs

from loafer.application.connection import Connection
from loafer.application.outlet import Outlet
from loafer.exceptions import PublisherError


@attrs.frozen
class Connections:
    """Connects outlets with what carries their content.

    Attributes:
        of_outlets: Each outlet, and its connection.

    """

    of_outlets: Sequence[tuple[Outlet, Connection]] = ()

    async def open(self, stopping: asyncio.Event | None = None) -> bool:
        """Open all at once, and tell whether they are: not if a stop was asked for before; to be closed in any case.

        Raises:
            PublisherError: a line for each destination that does not exist, refuses us, or cannot be reached.

        """
        opening = [asyncio.ensure_future(connection.open()) for _, connection in self.of_outlets]
        stop = asyncio.ensure_future((stopping or asyncio.Event()).wait())
        all_open = asyncio.ensure_future(_ended(opening))
        try:
            await asyncio.wait({all_open, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (all_open, stop, *opening):
                each.cancel()
        if any(not each.done() for each in opening):
            await _ended(opening)
            return False
        _raise_if_any([each.exception() for each in opening])
        for outlet, connection in self.of_outlets:
            outlet.opened(connection)
        return True

    async def close(self) -> None:
        """Close all; what is published from now on is refused."""
        for outlet, connection in self.of_outlets:
            outlet.closed(connection)
        await asyncio.gather(*(connection.close() for _, connection in self.of_outlets))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have them open for as long as the context lasts; raises as `open` does."""
        try:
            await self.open()
            yield
        finally:
            await self.close()


async def _ended(tasks: "Sequence[asyncio.Future[None]]") -> None:
    if tasks:
        await asyncio.wait(tasks)


def _raise_if_any(results: Sequence[BaseException | None]) -> None:
    """Raise what went wrong: PublisherError with a line each, else the first other error."""
    errors = [result for result in results if result is not None]
    refused = [error for error in errors if isinstance(error, PublisherError)]
    if len(refused) < len(errors):
        raise next(error for error in errors if not isinstance(error, PublisherError))
    if refused:
        raise PublisherError("\n".join(dict.fromkeys(str(error) for error in refused)))
