"""What runs until it is stopped: the default route, or the routes of an application in code."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import click

from loafer.adapters.memory import SCHEME
from loafer.entrypoints.commands.display import as_logged, banner, tell_end
from loafer.entrypoints.commands.given import read_settings, verbosity
from loafer.entrypoints.settings.here import settings_here
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.apart import routes_apart
from loafer.entrypoints.wiring.applications import (
    Application,
    chosen,
    chosen_settings,
    load_application,
    name_of,
    settings_beside,
    settings_with,
    settings_without,
)
from loafer.entrypoints.worker.deadline import cut_off
from loafer.entrypoints.worker.log_queue import queued_logs
from loafer.entrypoints.worker.logs import in_the_logs_format, set_up_logs
from loafer.exceptions import LoaferError

if TYPE_CHECKING:
    from loafer.entrypoints.supervisor.supervisor import Supervisor

logger = logging.getLogger(__name__)


def run_routes(context: click.Context) -> int:
    """Run the routes that configuration makes until stopped, and return the exit status; raises as Manager.run does."""
    mistakes = Mistakes()
    settings = routes_apart(read_settings(context, mistakes, source_required=True, runs=True), mistakes)
    return run_worker(settings_without(settings), mistakes, verbose=verbosity(context))


def run_application(
    context: click.Context,
    named: str,
    only: tuple[str, ...],
    options: Mapping[str, str | None],
    *,
    watched: bool = False,
) -> int:
    """Run an application until stopped, and return the exit status.

    `options` are those of the command that are settings too; None is not given. The application is loaded by each
    worker. It is loaded here only where nobody but its code says how many workers there are: the supervisor of several
    has none of the user's code in it. Who is `watched` is stopped often, and so polls briefly.

    Raises:
        ConfigurationError: something is wrong with the settings or the application; all of it is said.
        ConsumerError: a source failed for good.
        LifespanError: its lifespan failed.

    """
    mistakes = Mistakes()
    given = {name: value for name, value in options.items() if value is not None}
    settings = settings_beside(read_settings(context, mistakes, runs=True, options=given), named, only)
    application: Application | None = None
    if settings.processes == 1:
        application = load_application(named, mistakes)
        if application is None:
            mistakes.raise_if_any()
            return 0
        from loafer.entrypoints.wiring.configured import configured, polling_briefly  # noqa: PLC0415 - needless without one

        application, settings = configured(application, settings, mistakes)
        application = polling_briefly(application) if watched else application
        if "processes" not in settings.origins:
            settings = _with_processes(application, settings)
    return run_worker(settings, mistakes, application, verbosity(context))


def run_in_code(application: Application) -> int:
    """Run an application that is here already until stopped, as `loafer run` does, and return the exit status.

    Several processes load it by the name under which a module has it.
    """
    mistakes = Mistakes()
    try:
        here = settings_here({}, mistakes)
        settings = settings_beside(here.settings, name_of(application))
        if settings.processes == 1:
            from loafer.entrypoints.wiring.configured import configured  # noqa: PLC0415 - as above

            application, settings = configured(application, settings, mistakes)
        if "processes" not in settings.origins:
            settings = _with_processes(application, settings)
        set_up_logs(settings, 0, mistakes, several=settings.processes > 1)
        here.tell()
        if settings.processes > 1 and settings.application is None:
            mistakes.tell(f"{application.line}: several processes need its name; keep it in a variable of a module")
        return run_worker(settings, mistakes, application)
    except LoaferError as error:
        return tell_end(error)


def _with_processes(application: Application, settings: Settings) -> Settings:
    processes = settings_with(application, settings, Mistakes()).processes  # its mistakes are told by whoever runs it
    return attrs.evolve(settings, processes=processes)


def run_worker(settings: Settings, mistakes: Mistakes, application: Application | None = None, verbose: int = 0) -> int:
    """Run the worker, or several, until stopped, and return the exit status; raises as Manager.run does."""
    with queued_logs() as writer:

        def tell(text: str) -> None:
            writer.put(partial(click.echo, as_logged(text), err=True), len(text))

        said = in_the_logs_format(_banner(settings, application))

        def began() -> None:
            _warn_of_memory(settings, application)
            writer.put(partial(click.echo, said), len(said))

        end = partial(cut_off, lambda ending: tell(ending.text) if ending.text else None, writer.close)
        if settings.processes > 1:
            from loafer.entrypoints.supervisor.post import launch_worker  # noqa: PLC0415 - one needs no supervisor
            from loafer.entrypoints.supervisor.supervisor import Supervisor, refuse_memory  # noqa: PLC0415

            refuse_memory(settings, mistakes)
            if not mistakes.found:
                launch = partial(launch_worker, settings, verbose)
                supervisor = Supervisor(settings.processes, launch, began, tell, settings.grace_period, end)
                from loafer.entrypoints.worker.serving import serving  # noqa: PLC0415 - as above
                from loafer.entrypoints.worker.telling import telling  # noqa: PLC0415 - as above

                documents = partial(_documents, supervisor)
                with serving(settings, supervisor.told), telling(settings, documents):
                    return supervisor.run()
        from loafer.entrypoints.worker.manager import Manager  # noqa: PLC0415 - several need none here
        from loafer.entrypoints.worker.signals import by_signals  # noqa: PLC0415 - as above
        from loafer.entrypoints.worker.watching import Watch  # noqa: PLC0415 - as above

        watch = Watch()

        Manager(settings, mistakes, application=application, cut_off=end, watching=watch.watched).run(
            began, partial(by_signals, look=watch.log_held)
        )
        return 0


def _documents(supervisor: "Supervisor") -> list[Mapping[str, Any]]:
    return [told.document for told in supervisor.told()]


def _warn_of_memory(settings: Settings, application: Application | None) -> None:
    """Say that nothing comes from a queue, or goes anywhere from one or from a topic, that is in this process alone."""
    registered = () if application is None else chosen(application.routes(), settings.only)
    sources = [str(route.source) for route in (*registered, *settings.routes)]
    destinations = () if application is None else application.publishers()
    published = [each.destination.name for each in destinations if not each.destination.topic]
    topics = [each.destination.name for each in destinations if each.destination.topic]
    for names, others, text in (
        (
            sources,
            published,
            "source %r is in this process alone, and nobody publishes to it: it is for tests; give a queue on SQS",
        ),
        (
            published,
            sources,
            (
                "queue %r is in this process alone, and no route that runs here reads it: it is for tests; "
                "give a queue on SQS"
            ),
        ),
        (
            topics,
            (),
            "topic %r is in this process alone, and no queue can subscribe to it: it is for tests; give a topic of SNS",
        ),
    ):
        for name in dict.fromkeys(names):
            if name.startswith(SCHEME) and name not in others:
                logger.warning(text, name)


def _banner(settings: Settings, application: Application | None) -> str:
    if application is None:
        return banner(attrs.evolve(settings, routes=tuple(route for route in settings.routes if route.whole)))
    shown = attrs.evolve(settings_with(application, settings, Mistakes()), routes=chosen_settings(settings))
    return banner(shown, chosen(application.routes(), settings.only))
