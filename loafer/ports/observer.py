"""Who wants to know what happens to messages: counts, the log, metrics, traces, error trackers."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

from loafer.domain.batch import Failure
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message, OutgoingMessage


class Cause(StrEnum):
    """Why a message is delivered again."""

    FAILED = "failed"
    """Its handler or its translator failed."""
    IGNORED = "ignored"
    """Its handler ignored it, or no route takes it."""
    TIMEOUT = "timeout"
    """Its handler took longer than it may."""
    STOP = "stop"
    """The worker stopped before it was done."""
    LEASE_LOST = "lease lost"
    """It was not ours any more: its lease was refused, or ended without an extension."""
    BLOCKED_LOOP = "blocked loop"
    """Its lease was let go, for the event loop had been blocked for too long."""
    DELETE_FAILED = "delete failed"
    """It was handled, and could not be deleted."""
    ORDER = "order"
    """Something before it in its group was not done."""
    ELSEWHERE = "elsewhere"
    """Another worker had it before, or the source delivered it twice."""


class Operation(StrEnum):
    """What is asked of a source."""

    RECEIVE = "receive"
    ACKNOWLEDGE = "acknowledge"
    RELEASE = "release"
    EXTEND = "extend"
    DEAD_LETTER = "dead letter"


Ending: TypeAlias = tuple[str, Message, Outcome, BaseException | None, float]
"""How the handling of a message ended: what `Observer.ended` is told."""


class Observer:
    """Is told what happens; a method that is not overridden costs nothing, for it is not called.

    Everything is called at once, where it happens, so nothing here may block. What it raises is logged, and harms
    nobody else. `started`, `ended` and `reported` are called in the context of the message: a context variable that
    the first one sets the handler sees, and the others too. `sending` and `sent` are called in the context of whoever
    publishes, on the thread of its event loop. `called` for extensions, `extended`, and often `comes_back` come from
    the heartbeat's thread; everything else is called on the event loop.
    """

    def received(self, source: str, asked: int, messages: Sequence[Message]) -> None:
        """Know that a receive was answered, with so many of the messages that it `asked` for; often with none."""

    def started(self, messages: Sequence[Message]) -> None:
        """Know that a handler is about to get a message, or many in one call; they came from one source."""

    def ended(
        self, route: str, message: Message, outcome: Outcome, error: BaseException | None, seconds: float
    ) -> None:
        """Know that the handling of a message has ended so many seconds after it started; once for each of many.

        `error` is what the translator or the handler raised; None if it returned.
        """

    def handled(self, endings: Sequence[Ending]) -> None:
        """Know of all on one source whose handling ended in one turn of the event loop, in the context of none of them.

        It is what `ended` was told of each: for whoever only counts, which costs less for many at once.
        """

    def reported(self, message: Message) -> None:
        """Know that the log has said what there is to say of a message; right after `ended`, the last in its context.

        A span that is current until then has these records too.
        """

    def settled(self, messages: Sequence[Message], operation: Operation) -> None:
        """Know that the source has confirmed that messages are deleted, given back, or moved to a dead-letter queue."""

    def comes_back(self, message: Message, cause: Cause) -> None:
        """Know that a message is or will be delivered again, and why; told once, where that is known first."""

    def extended(self, messages: Sequence[Message]) -> None:
        """Know that the leases of messages were extended."""

    def called(self, operation: Operation, source: str, seconds: float, error: Exception | None) -> None:
        """Know that a call to a source has ended, after so many seconds, with an error or with an answer."""

    def trouble(self, source: str, what: str, error: Exception | None) -> None:
        """Know that something does not work, each time that it was tried; None: it works again."""

    def sending(self, to: str, messages: Sequence[OutgoingMessage], *, topic: bool) -> Mapping[str, str] | None:
        """Know that messages are about to be sent, and return what is to go with each: the context of a trace, by name.

        It goes in their attributes as far as there is room, what comes first first, and where there is none for
        `traceparent`, or `sentry-trace`, in X-Ray's header. None: nothing goes with them.
        """

    def sent(
        self, to: str, results: Sequence[str | Failure], error: BaseException | None, seconds: float, *, topic: bool
    ) -> None:
        """Know what became of messages, each its id or why it was not sent; once for each `sending`, in its context.

        `error` is what was raised; then none has an id. It took so many seconds.
        """
