"""Functions that a handler is called through, put around it once, and not per message."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import attrs

from loafer.application.handled import is_ours
from loafer.application.handler import Chained, pool_of
from loafer.application.pool import ThreadPool
from loafer.application.raised import NotOurs
from loafer.application.returned import see_to
from loafer.application.route import BatchCall, Call, Surroundings
from loafer.application.signature import name_of
from loafer.application.walk import CLOSED, Walk
from loafer.domain.context import Context
from loafer.domain.item import Item
from loafer.domain.lifecycle import NotCalledOn, Outcome
from loafer.domain.message import Message

Wraps = Sequence[Callable[..., Awaitable[None]]]
"""Middleware, the outermost first."""


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
        Where they are cancelled, so is what they have called on to in a task of its own.

        Raises:
            NotCalledOn: one of them returned and had not called on, whatever the others made of that.
            NotStarted: the handler could not start when it was called last, whatever they made of that.
            NotDone: they raised an error, and the handler was cut short, or one of them did not call on as far as it.

        """
        walk = Walk(handle)
        try:
            await self._step(0, context, walk)
        except GeneratorExit:
            CLOSED.set(walk)
            raise
        except BaseException as error:
            await walk.failed(error)
            raise
        await walk.returned()
        if not walk.begun:
            raise NotCalledOn("its middleware did not call on as far as its handler")

    async def _step(self, place: int, context: Context[Any], walk: Walk) -> None:
        if place == len(self.wraps):
            await walk.arrive()
            return
        called_on = False

        async def call_next() -> None:
            nonlocal called_on
            walk.enter()
            called_on, error = True, None
            try:
                await self._step(place + 1, context, walk)
            except BaseException as raised:
                error = raised
                raise
            finally:
                walk.leave(error)
                del error  # its traceback holds this frame: no circle

        try:
            await self.wraps[place](context, call_next)
            if not called_on:
                await asyncio.sleep(0)  # a task that was made of it begins now
        except (asyncio.CancelledError, GeneratorExit) as error:
            walk.cut_off(name_of(self.wraps[place]), error)
            raise
        if not called_on:
            raise walk.not_called_on(name_of(self.wraps[place]))


@attrs.frozen(eq=False)
class _One(Chained):
    """A handler of one message, with what makes its context and its arguments."""

    chain: Chain
    pool: ThreadPool | None
    call: Call
    around: Surroundings

    async def __call__(self, content: object, message: Message) -> None:
        arguments = self.call.arguments
        given = (content,) if arguments is None else arguments(content, message)
        await self.chain.go(self.around.context_of(message), partial(self._handle, message, given))

    async def _handle(self, message: Message, given: tuple[object, ...]) -> None:
        """Call the handler; middleware may have waited, or call on again, for longer than the message was ours."""
        if not is_ours(message):
            raise NotOurs
        await see_to(await self.call.handle(*given))


@attrs.frozen(eq=False)
class _Many(Chained):
    """A handler of many messages."""

    chain: Chain
    pool: ThreadPool | None
    call: BatchCall

    async def __call__(self, items: list[Item[Any]], context: Context[Any]) -> None:
        handled: set[Item[Any]] = set()
        await self.chain.go(context, partial(self._handle, items, context, handled))

    async def _handle(self, items: list[Item[Any]], context: Context[Any], handled: set[Item[Any]]) -> None:
        """Call the handler with those that are ours still, and note which of them were handled well, once is enough.

        What one that is cut short has rejected, it may have rejected because of that.
        """
        ours = [item for item in items if is_ours(item.message)]
        if not ours:
            raise NotOurs
        known = handled.union(ours)
        for item in items:
            item.lost = item not in known
        given = (ours, context) if self.call.contextual else (ours,)
        try:
            await see_to(await self.call.handle(*given))
        except (asyncio.CancelledError, GeneratorExit):
            for item in items:
                if item.outcome is Outcome.REJECTED:
                    item.error = None
            raise
        handled.update(ours)


def through(call: Call | BatchCall, wraps: Wraps, around: Surroundings) -> Call | BatchCall:
    """Return how a handler is called through middleware; as it is where there is none."""
    if not wraps:
        return call
    pool = pool_of(call.handle)
    if isinstance(call, BatchCall):
        return attrs.evolve(call, handle=_Many(Chain(wraps), pool, call), contextual=True)
    handle = _One(Chain(wraps), pool, call, around)
    return attrs.evolve(call, handle=handle, arguments=lambda content, message: (content, message))
