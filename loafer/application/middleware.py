"""Functions that a handler is called through, put around it once, and not per message."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import attrs

from loafer.application.handler import pool_of
from loafer.application.pool import NotStarted, ThreadPool
from loafer.application.route import BatchCall, Call, Surroundings
from loafer.application.signature import name_of
from loafer.domain.context import Context
from loafer.domain.item import Item
from loafer.domain.lifecycle import NotCalledOn
from loafer.domain.message import Message

Wraps = Sequence[Callable[..., Awaitable[None]]]
"""Middleware, the outermost first."""


@attrs.define(eq=False)
class _Turn:
    """The handler at the end of one walk through middleware: whether it ran, and whether it still does.

    Attributes:
        handle: The handler, with what it is given.
        begun: Whether somebody called on as far as that.
        not_started: Why it did not run when it was called last, for there was no thread; None: it did.
        not_called: Which middleware did not call on, as a sentence; empty where none did that.

    """

    handle: Callable[[], Awaitable[object]]
    begun: bool = False
    not_started: NotStarted | None = None
    not_called: str = ""
    _running: int = 0
    _over: "asyncio.Future[BaseException | None] | None" = None

    async def __call__(self) -> None:
        self.begun, self.not_started = True, None
        self._running += 1
        late: BaseException | None = None
        try:
            await self.handle()
        except NotStarted as error:
            self.not_started = late = error
            raise
        except BaseException as error:
            late = error if self._over is not None else None
            raise
        finally:
            self._running -= 1
            if self._over is not None and not (self._running or self._over.done()):
                self._over.set_result(late)
            del late  # its traceback holds this frame: no circle

    async def ended(self) -> BaseException | None:
        """Wait until it has ended, where nobody has; return what it has raised since.

        Raises:
            NotStarted: there was no thread for it: it never runs, whatever somebody has made of that.

        """
        late = None
        if self._running:
            self._over = asyncio.get_running_loop().create_future()
            late = await self._over
        if self.not_started is not None:
            raise self.not_started
        return late


@attrs.frozen(eq=False)
class Chain:
    """Middleware that a handler is called through.

    Attributes:
        wraps: The middleware, the outermost first.

    """

    wraps: Wraps

    async def go(self, context: Context[Any], handle: Callable[[], Awaitable[object]]) -> None:
        """Call the middleware, and through it the handler; raises what they raise.

        A handler that they do not wait for is waited for here: its message is neither deleted nor given back before.

        Raises:
            NotCalledOn: one of them returned and had not called on, whatever the others made of that.
            NotStarted: there was no thread for the handler, whatever they made of that.

        """
        turn = _Turn(handle)
        try:
            await self._step(0, context, turn)
        except Exception:
            await turn.ended()
            raise
        late = await turn.ended()
        if late is not None:
            raise late
        if not turn.begun:
            raise NotCalledOn(turn.not_called)

    async def _step(self, place: int, context: Context[Any], turn: _Turn) -> None:
        if place == len(self.wraps):
            await turn()
            return
        called_on = False

        async def call_next() -> None:
            nonlocal called_on
            called_on = True
            await self._step(place + 1, context, turn)

        await self.wraps[place](context, call_next)
        if not called_on:
            turn.not_called = f"the middleware {name_of(self.wraps[place])} did not call on"
            raise NotCalledOn(turn.not_called)


@attrs.frozen(eq=False)
class _One:
    """A handler of one message, with what makes its context and its arguments."""

    chain: Chain
    pool: ThreadPool | None
    call: Call
    around: Surroundings

    async def __call__(self, content: object, message: Message) -> None:
        arguments = self.call.arguments
        given = (content,) if arguments is None else arguments(content, message)
        await self.chain.go(self.around.context_of(message), partial(self.call.handle, *given))


@attrs.frozen(eq=False)
class _Many:
    """A handler of many messages."""

    chain: Chain
    pool: ThreadPool | None
    call: BatchCall

    async def __call__(self, items: list[Item[Any]], context: Context[Any]) -> None:
        given = (items, context) if self.call.contextual else (items,)
        await self.chain.go(context, partial(self.call.handle, *given))


def through(call: Call | BatchCall, wraps: Wraps, around: Surroundings) -> Call | BatchCall:
    """Return how a handler is called through middleware; as it is where there is none."""
    if not wraps:
        return call
    pool = pool_of(call.handle)
    if isinstance(call, BatchCall):
        return attrs.evolve(call, handle=_Many(Chain(wraps), pool, call), contextual=True)
    handle = _One(Chain(wraps), pool, call, around)
    return attrs.evolve(call, handle=handle, arguments=lambda content, message: (content, message))
