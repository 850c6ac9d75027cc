"""Whom to tell of what: for each event a tuple of callables, which is empty where nobody wants to know."""

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import attrs

from loafer.ports.observer import Observer

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Tells = tuple[Callable[..., Any], ...]


@attrs.frozen(eq=False)
class Guards:
    """What tells others' observers and goes on if they raise: once for all lanes, for that is said once."""

    _made: dict[tuple[int, str], Callable[..., Any]] = attrs.field(factory=dict, init=False)

    def of(self, observer: Observer, event: str) -> Callable[..., Any]:
        """Return what tells an observer of an event."""
        key = id(observer), event
        if key not in self._made:
            self._made[key] = _guarded(getattr(observer, event))
        return self._made[key]


@attrs.frozen
class Listeners:
    """Whom to tell, by event; each of them takes what the observer's method of that name takes."""

    received: Tells = ()
    started: Tells = ()
    ended: Tells = ()
    handled: Tells = ()
    reported: Tells = ()
    settled: Tells = ()
    comes_back: Tells = ()
    extended: Tells = ()
    called: Tells = ()
    trouble: Tells = ()
    sending: Tells = ()
    sent: Tells = ()

    @classmethod
    def of(cls, own: Sequence[Observer], others: Sequence[Observer], guards: Guards) -> "Listeners":
        """Return whom these observers make us tell: our own, who never raise, and others, who are guarded."""
        return cls(
            **{
                event.name: (
                    *(getattr(observer, event.name) for observer in own if _wants(observer, event.name)),
                    *(guards.of(observer, event.name) for observer in others if _wants(observer, event.name)),
                )
                for event in attrs.fields(cls)
            }
        )


def _wants(observer: Observer, event: str) -> bool:
    return getattr(type(observer), event) is not getattr(Observer, event)


def _guarded(tell: Callable[P, R]) -> Callable[P, R | None]:
    """Return what tells an observer, and goes on whatever it raises: the first time that is an error in the log."""
    failed = False

    @wraps(tell)
    def tell_and_go_on(*args: P.args, **kwargs: P.kwargs) -> R | None:
        nonlocal failed
        try:
            return tell(*args, **kwargs)
        except KeyboardInterrupt:  # that is nobody's here: it asks the program to end
            raise
        except BaseException as error:  # whoever is told must not keep a message from its settlement
            if not failed:
                failed = True
                logger.exception("an observer failed, which is said once: %s", getattr(tell, "__qualname__", tell))
            else:
                logger.debug("an observer failed again: %s", error)
        return None

    return tell_and_go_on
