"""A worker that runs inside another program, as that program sees it."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from loafer.application.dispatcher import Dispatcher


class Runs(Protocol):
    """What runs it."""

    @property
    def dispatcher(self) -> "Dispatcher":
        """What runs its routes."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it has neither failed nor ended."""
        ...

    @property
    def error(self) -> BaseException | None:
        """What failed for good; None so far."""
        ...

    async def ready(self) -> None:
        """Return once messages can come."""
        ...

    async def ended(self) -> None:
        """Return when it has ended."""
        ...


@attrs.frozen(eq=False, repr=False)
class Worker:
    """A worker in somebody else's event loop; `async with app.running() as worker` gives it."""

    _runs: Runs

    async def ready(self) -> None:
        """Return once messages can come: the lifespan has started, and every source has answered.

        Raises:
            RuntimeError: it was stopped before.
            BaseException: what ended it before, as `error` has it.

        """
        await self._runs.ready()

    async def ended(self) -> None:
        """Return when it has ended, whether it was stopped or has failed; see `error`."""
        await self._runs.ended()

    @property
    def alive(self) -> bool:
        """Whether it runs, or starts, or ends because it was asked to; False once something has failed for good."""
        return self._runs.alive

    @property
    def error(self) -> BaseException | None:
        """What has failed for good; None so far. It is logged when it happens, and raised when the block ends."""
        return self._runs.error

    @property
    def held(self) -> int:
        """How many messages are held now: received, and not yet settled."""
        return self._runs.dispatcher.held

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened so far, over all routes: outcomes by name, `received`, `duplicates`, `stale`, `leases_lost`.

        What has not happened is 0.
        """
        return Counter({str(name): count for name, count in self._runs.dispatcher.counts.items()})

    def stop(self) -> None:
        """Ask it to stop: running handlers get the grace period; asked twice, they are cancelled at once."""
        self._runs.dispatcher.stop()

    def pause(self, route: str) -> None:
        """Ask for nothing more on a route, until `resume`; what is held is handled.

        A receive that is under way may still bring messages, which are handled too.

        Raises:
            LookupError: there is no such route.

        """
        self._runs.dispatcher.pause(route)

    def resume(self, route: str) -> None:
        """Receive on a route again; LookupError: there is no such route."""
        self._runs.dispatcher.resume(route)
