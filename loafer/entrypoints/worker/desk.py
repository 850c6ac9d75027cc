"""Answers what is asked of a running worker: what it holds and where that is; and pauses its routes."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeAlias

import attrs

from loafer.application.dispatcher import Dispatcher
from loafer.application.holding import held_in, stacks_in
from loafer.application.status import View
from loafer.domain.shown import printable

logger = logging.getLogger(__name__)

MOST_SHOWN = 500
"""Messages of which one answer tells."""

LONGEST_STACK = 8192
"""Characters of a stack, the innermost calls."""

PATIENCE = 1.0
"""Seconds that an answer waits for the event loop, which may be blocked."""

Answer: TypeAlias = dict[str, Any]

_PAST = {"pause": "paused", "resume": "resumed", "drain": "drained"}


@attrs.frozen(eq=False)
class Desk:
    """Answers questions about a dispatcher, on another event loop than its own.

    Attributes:
        dispatcher: What runs.
        status: Returns how it is, as a document.

    """

    dispatcher: Dispatcher
    status: Callable[[], Mapping[str, Any]]

    async def answer(self, asked: object) -> Answer:
        """Answer a question, `{"ask": "held"}` say; what is wrong with it is the answer too."""
        view = self.dispatcher.view
        match asked:
            case {"ask": "status"}:
                return {"ok": True, "status": self.status()}
            case {"ask": "held" | "stacks" | "pause" | "resume" | "drain"} if view is None:
                return _refused("the worker has not begun to receive")
            case {"ask": "held"} if view is not None:
                return _held(view)
            case {"ask": "stacks", **more} if view is not None:
                return _stacks(view, more.get("id"))
            case {"ask": "pause" | "resume" | "drain" as what, "route": str(route)} if view is not None:
                return await self._change(view, what, route)
        return _refused("it is not understood; ask for status, held, stacks, or to pause, resume or drain a route")

    async def _change(self, view: View, what: str, route: str) -> Answer:
        changed: Future[None] = Future()

        def change() -> None:
            try:
                getattr(self.dispatcher, what)(route)
            except LookupError as error:
                changed.set_exception(error)
            else:
                logger.warning("route %s is %s, as it was asked for", route, _PAST[what])
                changed.set_result(None)

        try:
            view.loop.call_soon_threadsafe(change)
            async with asyncio.timeout(PATIENCE):
                await asyncio.shield(asyncio.wrap_future(changed))
        except LookupError as error:
            return _refused(printable(str(error.args[0])))
        except TimeoutError:
            return {"ok": True, "done": False}
        except RuntimeError:
            return _refused("the worker has ended")
        return {"ok": True, "done": True}


def _held(view: View) -> Answer:
    found = held_in(view)
    return {"ok": True, "held": [attrs.asdict(each) for each in found[:MOST_SHOWN]], "all": len(found)}


def _stacks(view: View, wanted: object) -> Answer:
    stacks = []
    for id_, route, stack in stacks_in(view, wanted if isinstance(wanted, str) else None):
        stacks.append({"id": id_, "route": route, "stack": stack[-LONGEST_STACK:]})
        if len(stacks) == MOST_SHOWN:
            break
    return {"ok": True, "stacks": stacks}


def _refused(why: str) -> Answer:
    return {"ok": False, "error": why}
