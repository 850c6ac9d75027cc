"""What runs until it is stopped: the default route, or the routes of an application in code."""

from functools import partial

import attrs
import click

from loafer.entrypoints.commands.display import as_logged, banner
from loafer.entrypoints.commands.given import read_settings, verbosity
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.applications import (
    Application,
    chosen,
    chosen_settings,
    load_application,
    settings_with,
)
from loafer.entrypoints.worker.deadline import cut_off
from loafer.entrypoints.worker.log_queue import queued_logs
from loafer.entrypoints.worker.logs import in_the_logs_format


def run_application(context: click.Context, named: str, only: tuple[str, ...], processes: str | None) -> None:
    """Run an application until stopped; ends the command with its exit status where there are several processes.

    The application is loaded by each worker. It is loaded here only where nobody but its code says how many workers
    there are: the supervisor of several has none of the user's code in it.

    Raises:
        ConfigurationError: something is wrong with the settings or the application; all of it is said.
        ConsumerError: a source failed for good.
        LifespanError: its lifespan failed.

    """
    mistakes = Mistakes()
    settings = application_settings(context, named, only, mistakes, {"processes": processes} if processes else {})
    application: Application | None = None
    if settings.processes == 1:
        application = load_application(named, mistakes)
        if application is None:
            mistakes.raise_if_any()
        elif "processes" not in settings.origins:
            settings = _with_processes(application, settings)
    run_worker(context, settings, mistakes, application)


def application_settings(
    context: click.Context, named: str, only: tuple[str, ...], mistakes: Mistakes, options: dict[str, str]
) -> Settings:
    """Return the settings for an application: the default route runs beside it where its source is set."""
    settings = read_settings(context, mistakes, options=options)
    routes = tuple(route for route in settings.routes if "source" in route.origins)
    return attrs.evolve(settings, application=named, only=only, routes=routes)


def _with_processes(application: Application, settings: Settings) -> Settings:
    processes = settings_with(application, settings, Mistakes()).processes  # its mistakes are told by whoever runs it
    return attrs.evolve(settings, processes=processes)


def run_worker(
    context: click.Context, settings: Settings, mistakes: Mistakes, application: Application | None = None
) -> None:
    """Run the worker, or several, until stopped; raises as Manager.run does."""
    with queued_logs() as writer:

        def tell(text: str) -> None:
            writer.put(partial(click.echo, as_logged(text), err=True), len(text))

        said = in_the_logs_format(_banner(settings, application))
        began = partial(writer.put, partial(click.echo, said), len(said))
        end = partial(cut_off, lambda ending: tell(ending.text) if ending.text else None, writer.close)
        if settings.processes > 1:
            from loafer.entrypoints.supervisor.post import launch_worker  # noqa: PLC0415 - one needs no supervisor
            from loafer.entrypoints.supervisor.supervisor import Supervisor, refuse_memory  # noqa: PLC0415

            refuse_memory(settings, mistakes)
            if not mistakes.found:
                launch = partial(launch_worker, settings, verbosity(context))
                supervisor = Supervisor(settings.processes, launch, began, tell, settings.grace_period, end)
                context.exit(supervisor.run())
        from loafer.entrypoints.worker.manager import Manager  # noqa: PLC0415 - several need none here

        Manager(settings, mistakes, application=application, cut_off=end).run(began)


def _banner(settings: Settings, application: Application | None) -> str:
    if application is None:
        return banner(settings)
    shown = attrs.evolve(settings_with(application, settings, Mistakes()), routes=chosen_settings(settings))
    return banner(shown, chosen(application.routes(), settings.only))
