"""An application: routes, what they share, and how it is run."""

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypedDict, Unpack, overload

from loafer.application.registered import Line, check_options
from loafer.application.routing import Router, State
from loafer.domain.retry import Retry

if TYPE_CHECKING:
    from loafer.entrypoints.worker.handle import Worker

Lifespan = Callable[[], AbstractAsyncContextManager[State]]
"""What gives the state that handlers share; entered before the first message, left after the last handler."""


class AppOptions(TypedDict, total=False):
    """The settings that an application may be given in code; what is left out is not said there.

    Attributes:
        max_jobs: Handlers that run at once, over all routes; left out: the sum of the routes' own, each ten if unsaid.
        max_threads: Threads for handlers that are no coroutines.
        processes: Worker processes.
        prefetch: Messages that a route may hold ahead of a free handler.
        grace_period: Seconds that running handlers get on a stop.
        retry: When kept messages come back.
        handler_timeout: Seconds after which a coroutine is cancelled.
        stall_limit: Seconds of a blocked event loop after which its leases are let go.

    """

    max_jobs: int
    max_threads: int
    processes: int
    prefetch: int
    grace_period: float
    retry: Retry
    handler_timeout: float
    stall_limit: float


class Loafer(Router[State]):
    """An application: a router with a lifespan and settings for all its routes.

    Attributes:
        lifespan: Gives the state; None: there is none, and contexts have None.
        settings: The settings that were given in code.
        line: Where it was made.

    """

    @overload
    def __init__(self: "Loafer[None]", **settings: Unpack[AppOptions]) -> None: ...
    @overload
    def __init__(self, *, lifespan: Lifespan[State], **settings: Unpack[AppOptions]) -> None: ...
    def __init__(self, *, lifespan: Lifespan[State] | None = None, **settings: Unpack[AppOptions]) -> None:
        """Make an application, of the state that its lifespan gives.

        Written by hand, for only overloads tell type checkers that without a lifespan the state is None.
        """
        super().__init__()
        check_options("Loafer", settings, "lifespan", known=AppOptions)
        self.lifespan = lifespan
        self.settings: Mapping[str, object] = settings
        self.line = Line.of_caller(1)

    def mistakes(self) -> list[str]:
        """Return one line for each thing that is wrong with what was registered, with the line of code."""
        return [*_mistakes_of_lifespan(self.lifespan, self.line), *super().mistakes()]

    def run(self) -> NoReturn:
        """Run until Ctrl-C or SIGTERM, and end the process with its exit status, as `loafer run` does.

        Raises:
            RuntimeError: an event loop runs here already, or this is not the main thread, which alone hears signals.

        """
        _check_that_it_can_run_here()
        from loafer.entrypoints.worker.ending import end_with  # noqa: PLC0415 - slow to import, as all below

        end_with(partial(_run, self))

    async def serve(self) -> None:
        """Run in this event loop until this is cancelled; hears no signals, and changes no log.

        Raises:
            ConfigurationError: something is wrong with the settings or the application; all of it is said.
            BaseException: what failed for good.

        """
        async with self.running() as worker:
            await worker.ended()

    @asynccontextmanager
    async def running(self) -> "AsyncIterator[Worker]":
        """Run in this event loop while the block runs; hears no signals, and changes no log.

        The end of the block is a stop: running handlers get the grace period, and within 8 seconds more it is over.

        Raises:
            ConfigurationError: something is wrong with the settings or the application; all of it is said.
            BaseException: what failed for good, when the block ends; it was logged when it happened.

        """
        from loafer.entrypoints.worker.hosted import hosted  # noqa: PLC0415

        async with hosted(self) as worker:
            yield worker

    def publishing(self) -> AbstractAsyncContextManager[None]:
        """Return what has the application's publishers publish outside of a worker, for as long as it lasts.

        The settings are those of this process, as for `running`.

        Raises:
            ConfigurationError: when it is entered: something is wrong with the settings, or a publisher cannot be; all
                of it is said.
            PublisherError: as well: a queue or topic does not exist, or cannot be reached.

        """
        from loafer.entrypoints.wiring.connecting import published_by  # noqa: PLC0415 - it imports asyncio

        return published_by(self)


def _check_that_it_can_run_here() -> None:
    import asyncio  # noqa: PLC0415
    import threading  # noqa: PLC0415

    instead = "use `async with app.running()` or `await app.serve()`"
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - `get_running_loop` raises
        raise RuntimeError(f"app.run() has an event loop of its own, and one runs here already; {instead}")
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(f"app.run() hears signals, which only the main thread can; {instead} in a loop of this one")


def _run(application: Loafer) -> int:
    from loafer.entrypoints.worker.starting import ended_by_signals  # noqa: PLC0415

    with ended_by_signals():
        from loafer.entrypoints.commands.run import run_in_code  # noqa: PLC0415

        return run_in_code(application)


def _mistakes_of_lifespan(lifespan: object, line: Line) -> list[str]:
    if lifespan is None:
        return []
    if not callable(lifespan):
        return [f"{line}: lifespan={lifespan!r} cannot be called; give a function of `asynccontextmanager`"]
    try:
        inspect.signature(lifespan).bind()
    except TypeError:
        return [f"{line}: loafer's lifespan takes no argument, and this one does: {inspect.signature(lifespan)}"]
    except ValueError:  # one in C that does not say what it takes
        pass
    wrong = _not_a_lifespan(lifespan)
    return [] if wrong is None else [f"{line}: the lifespan {getattr(lifespan, '__name__', lifespan)} is {wrong}"]


def _not_a_lifespan(made: Callable[..., object]) -> str | None:
    """Return what is called in place of a function that returns an asynchronous context manager; None if one is."""
    right = "write it as an `async def` with one yield, decorated with contextlib.asynccontextmanager"
    if inspect.isasyncgenfunction(made):
        return "an async generator; decorate it with contextlib.asynccontextmanager"
    if inspect.iscoroutinefunction(made):
        return f"a coroutine function; {right}"
    plain = isinstance(made, type) and not hasattr(made, "__aenter__")
    if plain or inspect.isgeneratorfunction(inspect.unwrap(made)):
        return f"no asynchronous context manager; {right}"
    return None
