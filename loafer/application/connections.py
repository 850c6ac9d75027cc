"""The publishers of an application, opened before anything may publish and closed after everything that did."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs

from loafer.application.listeners import Guards, Listeners
from loafer.application.trouble import Trouble
from loafer.exceptions import PublisherError
from loafer.ports.observer import Observer

if TYPE_CHECKING:  # a worker that has no publishers needs neither
    from loafer.application.connection import Connection
    from loafer.application.outlet import Outlet


@attrs.frozen
class Connections:
    """Connects outlets with what carries their content.

    Attributes:
        of_outlets: Each outlet, and its connection.

    """

    of_outlets: "Sequence[tuple[Outlet, Connection]]" = ()

    def tell(self, observers: Sequence[Observer]) -> None:
        """Tell observers of what is sent from now on; those who do not want to know cost nothing."""
        if not self.of_outlets:
            return
        from loafer.application.told_sends import ToldSends  # noqa: PLC0415 - as above

        listeners = Listeners.of((), observers, Guards())
        wanted = bool(listeners.sending or listeners.sent)
        for outlet, connection in self.of_outlets:
            connection.told = ToldSends(outlet.destination, listeners) if wanted else None

    async def open(self, stopping: asyncio.Event | None = None) -> bool:
        """Open all, and tell whether they are: not if a stop was asked for before; to be closed in any case.

        Where a stop can be asked for, what may pass is tried again for as long as it takes.

        Raises:
            PublisherError: a line for each destination that does not exist or refuses us, or cannot be reached now.

        """
        waiting = [connection for _, connection in self.of_outlets]
        trouble = Trouble("opening publishers", asyncio.get_running_loop().time)
        while waiting:
            errors = await _opened(waiting, stopping or asyncio.Event())
            if errors is None:
                return False
            _raise_if_any([error for error in errors if stopping is None or not _may_pass(error)])
            waiting = [connection for connection, error in zip(waiting, errors, strict=True) if error is not None]
            for error in errors:
                if error is not None and stopping is not None:
                    await _first(asyncio.sleep(trouble.wait(error)), stopping.wait())
                    break
        trouble.over()
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
        """Have them open for as long as the context lasts; raises as `open` does, and tries nothing again."""
        try:
            await self.open()
            yield
        finally:
            await self.close()


async def _opened(connections: "Sequence[Connection]", stopping: asyncio.Event) -> list[Exception | None] | None:
    """Open connections at once, and return what each raised; None: a stop was asked for before all had ended."""

    async def opening(connection: "Connection") -> Exception | None:
        try:
            await connection.open()
        except Exception as error:  # noqa: BLE001 - it is told with those of the others
            return error
        return None

    async def opening_all() -> list[Exception | None]:
        return await asyncio.gather(*map(opening, connections))

    all_at_once = asyncio.ensure_future(opening_all())
    await _first(all_at_once, stopping.wait())
    return all_at_once.result() if not all_at_once.cancelled() else None


async def _first(*waited: Awaitable[object]) -> None:
    """Wait until one of these ends, and cancel the others."""
    tasks = [asyncio.ensure_future(each) for each in waited]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _may_pass(error: Exception | None) -> bool:
    return isinstance(error, PublisherError) and error.retryable


def _raise_if_any(errors: Sequence[Exception | None]) -> None:
    """Raise what went wrong: PublisherError with a line each, else the first other error."""
    refused = [error for error in errors if isinstance(error, PublisherError)]
    for error in errors:
        if error is not None and error not in refused:
            raise error
    if refused:
        raise PublisherError("\n".join(dict.fromkeys(map(str, refused))), retryable=all(map(_may_pass, refused)))
