"""From an application in code to what runs: it is loaded, its settings are taken, its routes become routes."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs

from loafer.application.lifespan import Lifespan
from loafer.domain.retry import Retry
from loafer.domain.share import JOBS
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings, Settings, settings_of
from loafer.entrypoints.wiring.loading import import_name

if TYPE_CHECKING:  # a worker without an application imports none of what makes one
    from loafer.application.publishing import QueuePublisher, TopicPublisher
    from loafer.application.registered import Line, Registered

_FIELDS = {"retry": "retry_delay"}
"""What an application's setting is called in the table, where it has another name there."""


@runtime_checkable
class Application(Protocol):
    """What is wanted of an application; `loafer.Loafer` is one."""

    @property
    def lifespan(self) -> Lifespan | None:
        """What gives the state; None: there is none."""
        ...

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that its code says."""
        ...

    @property
    def line(self) -> "Line":
        """Where it was made."""
        ...

    def routes(self) -> "Sequence[Registered]":
        """Return its routes in their order."""
        ...

    def publishers(self) -> "Sequence[QueuePublisher[Any] | TopicPublisher[Any]]":
        """Return its publishers."""
        ...

    def rejected(self) -> Mapping[str, bool]:
        """Return of sources whether messages that no route takes are rejected."""
        ...

    def mistakes(self) -> Sequence[str]:
        """Return one line for each thing that is wrong with what was registered."""
        ...

    def running_with(self) -> AbstractContextManager[None]:
        """Return what refuses to register anything while it lasts."""
        ...


def load_application(named: str, mistakes: Mistakes) -> Application | None:
    """Return the application of a name such as `shop:app`; None with a mistake if there is none."""
    module, _, name = named.partition(":")
    if not module or not (name or "." in module):
        right = f"{module or 'shop'}:{name or 'app'}"
        mistakes.tell(f"{named or repr(named)}: it names no application; give a module and a name, such as {right}")
        return None
    try:
        found = import_name(named)
    except ValueError as error:
        mistakes.tell(f"{named}: {error}")
        return None
    if isinstance(found, Application):
        return found
    mistakes.tell(f"{named}: {_no_application(found)}")
    return None


def _no_application(found: object) -> str:
    from loafer.application.routing import Router  # noqa: PLC0415 - as all that makes an application

    if isinstance(found, Router):
        return "a Router is no application; include it in a Loafer, app.include(router), and name that"
    if isinstance(found, type):
        return f"class {found.__name__} is no application; name an instance of Loafer, such as app = Loafer()"
    return f"{type(found).__name__!r} is no application; name an instance of Loafer, such as app = Loafer()"


def name_of(application: Application) -> str | None:
    """Return the name under which a module has an application, such as shop:app; None: no module has it.

    The main module has it last, and under the name by which others can import it.
    """
    main = sys.modules["__main__"]
    spec, file = main.__spec__, getattr(main, "__file__", None)
    main_name = spec.name if spec is not None else Path(file or "__main__").stem
    modules = [(name, module) for name, module in [*sys.modules.items()] if module is not main]
    for module_name, module in [*modules, (main_name, main)]:
        for name, value in [*getattr(module, "__dict__", {}).items()]:
            if value is application:
                return f"{module_name}:{name}"
    return None


def settings_beside(settings: Settings, named: str | None, only: tuple[str, ...] = ()) -> Settings:
    """Return the settings for an application of a name; which routes run beside its own is seen when it is loaded."""
    return attrs.evolve(settings, application=named, only=only)


def settings_with(application: Application, settings: Settings, mistakes: Mistakes) -> Settings:
    """Return the settings of an application: what was set from outside goes before what its code says.

    Unset, `max_jobs` is the sum of those of the routes that run.
    """
    values = dict(_said_in_code(application, settings, mistakes))
    if "max_jobs" not in settings.origins and "max_jobs" not in values:
        values["max_jobs"] = _sum_of_jobs(chosen(application.routes(), settings.only), settings)
    return attrs.evolve(settings, **values)


def settings_without(settings: Settings) -> Settings:
    """Return the settings where there is no application; `max_jobs` is as with one."""
    return settings if "max_jobs" in settings.origins else attrs.evolve(settings, max_jobs=_sum_of_jobs((), settings))


def _said_in_code(application: Application, settings: Settings, mistakes: Mistakes) -> Iterator[tuple[str, Any]]:
    table = settings_of(Settings)
    for name, value in application.settings.items():
        field = _FIELDS.get(name, name)
        if field in settings.origins and name != "retry":
            continue
        try:
            yield field, _retry(value, settings) if name == "retry" else table[field].parse(str(value))
        except ValueError as error:
            mistakes.tell(f"{application.line}: Loafer({name}={value!r}): {error}")


def _retry(value: object, settings: Settings) -> Retry:
    """Return an application's Retry, with the delays that were said elsewhere; ValueError if it is none."""
    if not isinstance(value, Retry):
        raise ValueError("not a Retry; give one such as Retry(delay=5)")
    if "retry_delay" not in settings.origins:
        return value
    return attrs.evolve(settings.retry_delay, dead_letter_after=value.dead_letter_after)


def _sum_of_jobs(routes: "Sequence[Registered]", settings: Settings) -> int:
    own = [*(route.max_jobs for route in routes), *(route.max_jobs for route in chosen_settings(settings))]
    return max(1, sum(jobs if type(jobs) is int and jobs > 0 else JOBS for jobs in own))


def chosen(routes: "Sequence[Registered]", only: Sequence[str]) -> "list[Registered]":
    """Return the routes of these names; all, where none is named."""
    return [route for route in routes if not only or route.name in only]


def chosen_settings(settings: Settings) -> tuple[RouteSettings, ...]:
    """Return the routes that were set from outside and are to run."""
    return tuple(route for route in settings.routes if not settings.only or route.name in settings.only)


def check_only(application: Application, settings: Settings, mistakes: Mistakes) -> None:
    """Add a mistake for each name in `only` that no route has, and one where there is no route at all."""
    names = [*(route.name for route in application.routes()), *(route.name for route in settings.routes)]
    for name in settings.only:
        if name not in names:
            spelled = {each.casefold(): each for each in names}
            from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

            near = get_close_matches(name.casefold(), spelled, n=1, cutoff=0)
            right = f"did you mean {spelled[near[0]]}?" if near else "it has none"
            mistakes.tell(
                f"--only {name}: {settings.application or 'the application'} has no route of this name; {right}"
            )
    if not names:
        mistakes.tell(
            f"{application.line}: {settings.application or 'it'} has no routes; register one with @app.route(…)"
        )
