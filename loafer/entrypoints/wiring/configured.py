"""What configuration says of an application's routes: it goes before their code."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import attrs

from loafer.application.checking import mistakes_in
from loafer.application.lifespan import Lifespan
from loafer.application.publishing import QueuePublisher, TopicPublisher
from loafer.application.registered import Line, Registered
from loafer.domain.retry import Retry
from loafer.entrypoints.settings.load import mistake_in
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.wiring.apart import routes_apart
from loafer.entrypoints.wiring.applications import Application
from loafer.entrypoints.wiring.loading import import_name

_SAME = ("source", "translator", "consumer", "max_jobs", "weight", "retry", "timeout")
"""What a route has under the same name in code and in settings."""

BRIEF = {"WaitTimeSeconds": 1}
"""Options of a consumer whose polls are short."""


@attrs.frozen(eq=False)
class Configured:
    """An application whose routes are as configuration says them.

    Attributes:
        application: The application as its code says it.
        changed: Its routes.

    """

    application: Application
    changed: tuple[Registered, ...]

    @property
    def lifespan(self) -> Lifespan | None:
        """That of its code."""
        return self.application.lifespan

    @property
    def settings(self) -> Mapping[str, object]:
        """Those of its code."""
        return self.application.settings

    @property
    def line(self) -> Line:
        """Where it was made."""
        return self.application.line

    def routes(self) -> Sequence[Registered]:
        """Return its routes in their order."""
        return self.changed

    def publishers(self) -> Sequence[QueuePublisher[Any] | TopicPublisher[Any]]:
        """Return its publishers."""
        return self.application.publishers()

    def rejected(self) -> Mapping[str, bool]:
        """Return of sources whether messages that no route takes are rejected; a source may be another one now."""
        pairs = zip(self.application.routes(), self.changed, strict=True)
        now = {old.source: new.source for old, new in pairs if isinstance(old.source, str)}
        return {now.get(source, source): reject for source, reject in self.application.rejected().items()}

    def mistakes(self) -> Sequence[str]:
        """Return what is wrong with its code, and with what became of its routes."""
        return list(dict.fromkeys([*self.application.mistakes(), *mistakes_in(self.changed)]))

    def running_with(self) -> AbstractContextManager[None]:
        """Return what refuses to register anything while it lasts."""
        return self.application.running_with()


def configured(application: Application, settings: Settings, mistakes: Mistakes) -> tuple[Application, Settings]:
    """Return an application with what the settings say of its routes, and settings with the routes that it has not.

    An application that is configured already stays as it is.
    """
    if isinstance(application, Configured):
        return application, settings
    by_key = {route.key: route for route in settings.routes}
    changed = tuple(_changed(route, by_key.get(route.key), mistakes) for route in application.routes())
    keys = {route.key for route in changed}
    apart = attrs.evolve(settings, routes=tuple(route for route in settings.routes if route.key not in keys))
    names = {route.key: route.name for route in changed}
    changes = tuple(route for route in settings.routes if route.key in keys and route.origins)
    own = routes_apart(apart, mistakes, names)
    return Configured(application, changed), attrs.evolve(own, changes=changes)


def polling_briefly(application: Application) -> Application:
    """Return an application whose polls are short where it does not say how long they are.

    A worker that is stopped often then stops at once: its polls end by themselves. One that is aborted may yet be given
    a message, which nobody else sees until its visibility timeout is over.
    """
    return Configured(application, tuple(_briefly(route) for route in application.routes()))


def _briefly(route: Registered) -> Registered:
    if not isinstance(route.options, Mapping):  # a mistake, which is told where all are
        return route
    return attrs.evolve(route, options={**BRIEF, **route.options})


def _changed(route: Registered, said: RouteSettings | None, mistakes: Mistakes) -> Registered:
    """Return a route in code with what is said of it elsewhere; its name stays."""
    if said is None or not said.origins:
        return route
    changes: dict[str, Any] = {name: getattr(said, name) for name in _SAME if name in said.origins}
    if "retry" in changes and isinstance(route.retry, Retry):  # which says delays alone
        changes["retry"] = attrs.evolve(said.retry or Retry(), dead_letter_after=route.retry.dead_letter_after)
    if "options" in said.origins:
        changes["options"] = said.options
    if "handler" in said.origins:
        try:
            changes["handler"] = import_name(said.handler)
        except ValueError as error:
            mistakes.add(mistake_in(said, "handler", str(error)))
    if "name" in said.origins:
        changes["label"] = said.name
    return attrs.evolve(route, given_name=route.name, **changes)
