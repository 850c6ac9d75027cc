"""Functions that need no task: they are handed to a thread and heard of when they end, which costs half as much."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from functools import partial
from typing import Any

import attrs

from loafer.application.delivery import Delivery, deliver, handled_badly, prepare, untranslated
from loafer.application.endings import Endings, as_it_counts, broken_off
from loafer.application.errand import Awaiting, Errand
from loafer.application.forks import FORKS, leave
from loafer.application.handled import HANDLED
from loafer.application.lane import Lane
from loafer.application.lines import when_it_began
from loafer.application.raised import NotStarted
from loafer.application.returned import dismiss, is_awaitable, see_to, to_await
from loafer.application.running import Running
from loafer.application.tasks import start_task
from loafer.application.ticket import TICKET, Ticket
from loafer.domain.lease import Lease
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message


@attrs.frozen(eq=False, repr=False)
class Errands:
    """Handles messages whose handler is a plain function without a time limit, from their start to their end.

    Attributes:
        running: What runs.
        endings: Ends their deliveries.
        not_started: Called for a message whose lease has ended before its function began.

    """

    running: Running
    endings: Endings
    not_started: Callable[[Lane, Lease], None]
    _depth: int = attrs.field(factory=lambda: FORKS.depth, init=False)
    """Of the process that this is: children that a handler forks end where they come back out of it."""

    def start(self, ticket: Ticket, now: float, context: Context) -> None:
        """Translate a message, in the context of its handling, and let its function have a thread."""
        errand = context.run(self._errand, ticket, now, context)
        if errand is None:
            self.running.starting = None
        elif isinstance(errand, Errand):
            self._set_out(errand, now)
        else:
            context.run(TICKET.set, ticket)
            self._start_task(errand, context, ticket, now)

    def _start_task(self, awaiting: Awaiting, context: Context, ticket: Ticket, began: float) -> None:
        """Go on in a task; it has the context itself, for in a copy nobody can give back a token of it."""
        task = start_task(awaiting.run(), context)
        self.running.add(task, (ticket.lane, (ticket.lease,), began), ticket, context)
        if not task.done():
            task.add_done_callback(awaiting.over, context=context)

    def _errand(self, ticket: Ticket, now: float, context: Context) -> Errand | Awaiting | None:
        """Return what is to be done; None if it has ended already."""
        lane = ticket.lane
        route, message = lane.route, begun(lane, ticket.lease, now)
        try:
            translated = route.translate(message) if route.call.translated else None
        except BaseException as error:  # noqa: BLE001 - whatever a translator raises keeps the message
            self._untranslated(ticket, now, message, error)
            return None
        if type(translated) is not dict and is_awaitable(translated):
            untranslated = partial(self._untranslated, ticket, now, message)
            return Awaiting(translated, partial(self._translate, ticket, now, message), untranslated)
        return self._prepared(ticket, now, message, translated, context)

    async def _translate(self, ticket: Ticket, now: float, message: Message, translated: Awaitable[object]) -> None:
        """Await a translator, and the function."""
        try:
            delivery = await deliver(ticket.lane.route, message, None, translated)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the message fails
            delivery = broken_off(self.running, ticket.lane, ticket.lease, message, error)
        if not self.gave_up(ticket):
            self._end(ticket, now, delivery)

    def _untranslated(self, ticket: Ticket, now: float, message: Message, error: BaseException) -> None:
        self._end(ticket, now, untranslated(ticket.lane.route, message, error))

    def gave_up(self, ticket: Ticket) -> bool:
        """Let a message go whose lease had ended when its turn came; tell whether its function has not run.

        That is so too where it was taken out of the line before the threads: it waits for its start again.
        """
        if ticket.late and not ticket.void and not self.running.is_abandoned(ticket.lease):
            self.not_started(ticket.lane, ticket.lease)
        return ticket.late or ticket.void

    def _prepared(
        self, ticket: Ticket, now: float, message: Message, translated: Any, context: Context
    ) -> Errand | None:
        route = ticket.lane.route
        call = route.call
        prepared = prepare(route, call, message, translated)
        if isinstance(prepared, Delivery):
            self._end(ticket, now, prepared)
            return None
        message, content, given = prepared
        pool = route.pool
        return Errand(
            function=call.handle.function,
            given=given,
            answers=pool.answers(),
            context=context,
            ticket=ticket,
            message=message,
            content=content,
            started=now,
            end=self._ended,
            withdraw=pool.withdraw,
        )

    def _set_out(self, errand: Errand, now: float) -> None:
        if FORKS.depth != self._depth:
            leave(None)
        self.running.set_out(errand, now)
        try:
            errand.ticket.lane.route.pool.put(errand)
        except NotStarted as error:
            errand.error = error
            errand.told()

    def _ended(self, errand: Errand) -> None:
        """Take note that a function has ended, or never runs."""
        self.running.forget(errand)
        ticket = errand.ticket
        if self.gave_up(ticket):
            return
        awaiting = errand.context.run(self._rest, errand)
        if awaiting is not None:
            self._start_task(awaiting, errand.context, ticket, errand.started)

    def _rest(self, errand: Errand) -> Awaiting | None:
        """End a message's handling, in its context, or return what is left to do."""
        if errand.withdrawn:
            self._came_to(errand, asyncio.CancelledError())
        elif (awaitable := to_await(errand.returned)) is None:
            self._came_to(errand, errand.error)
        elif self.running.stopped:  # what is still to be done does not begin
            dismiss(awaitable)
            self._came_to(errand, asyncio.CancelledError())
        else:
            return Awaiting(awaitable, partial(self._await, errand), partial(self._came_to, errand))
        return None

    async def _await(self, errand: Errand, returned: Awaitable[object]) -> None:
        """Await what a function has returned, as it would be after a coroutine function."""
        error = None
        try:
            await see_to(returned)
        except BaseException as raised:  # noqa: BLE001 - whatever it raises is a value from here on
            error = raised
        self._came_to(errand, error)

    def _came_to(self, errand: Errand, error: BaseException | None) -> None:
        route, message, content = errand.ticket.lane.route, errand.message, errand.content
        if error is None:
            delivery = Delivery(route.name, message, Outcome.SUCCEEDED, None, content)
        else:
            delivery = handled_badly(route, message, content, error)
        self._end(errand.ticket, errand.started, delivery)
        errand.error = None  # its traceback holds the frame that holds the errand

    def _end(self, ticket: Ticket, started: float, delivery: Delivery) -> None:
        if FORKS.depth != self._depth:
            leave(delivery.error)
        counted = as_it_counts(self.running, ticket.lease, delivery)
        if counted is not None:
            began = when_it_began(ticket, started)
            self.endings.end(ticket.lane, ticket.lease, counted, ticket.lane.clock() - began)


def begun(lane: Lane, lease: Lease, now: float) -> Message:
    """Let it be known, in the context of its handling, that a message is handled from now on; return the message."""
    message = lease.message
    lease.begin()
    if lease.attempt > message.receive_count:
        message = attrs.evolve(message, runs_before=lease.attempt - message.receive_count)
    HANDLED.set((lane, message, now))
    if lane.tell.started:
        tell_started(lane, (message,))
    return message


def tell_started(lane: Lane, messages: Sequence[Message]) -> None:
    """Tell whoever wants to know that messages are handled from now on."""
    for tell in lane.tell.started:
        tell(messages)
