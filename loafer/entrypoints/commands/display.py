"""What people see in their terminal, as text."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from loafer import __version__
from loafer.domain.shown import printable, without_secrets
from loafer.entrypoints.commands.given import verbosity
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.worker.ending import TELLING, ending_of, ends_within
from loafer.exceptions import LoaferError

if TYPE_CHECKING:
    from loafer.application.registered import Registered


@contextmanager
def errors_in_one_line(context: click.Context) -> Iterator[None]:
    """Turn loafer's errors into a line each on standard error, and an exit status; with -vv, a traceback too."""
    try:
        yield
    except LoaferError as error:
        context.exit(tell_end(error, traced=verbosity(context) > 1))


def tell_end(error: BaseException, *, traced: bool = False) -> int:
    """Tell standard error what ends a command, with `traced` with its traceback, and return the exit status."""
    ending = ending_of(error, traced=traced)
    ends_within(TELLING, partial(click.echo, as_logged(ending.text), err=True))
    return ending.status


def reason_of(error: BaseException | None) -> str:
    """Return why a message ended as it did, in one line: the kind and the text of an error; nothing without one."""
    from loafer.entrypoints.worker.traces import text_of  # noqa: PLC0415 - `--help` needs no tracebacks

    return "" if error is None else printable(f"{type(error).__name__}: {text_of(error)}".rstrip())


def as_logged(text: str) -> str:
    """Return a text as an error in the log's format."""
    import logging  # noqa: PLC0415 - `--help` needs no logs

    from loafer.entrypoints.worker.logs import in_the_logs_format  # noqa: PLC0415

    return in_the_logs_format(text, logging.ERROR)


def banner(settings: Settings, registered: "Sequence[Registered]" = ()) -> str:
    """Return what is about to run: the routes of an application, and those of the settings."""
    jobs = settings.max_jobs if settings.application is None or registered else None
    lines = [f"loafer {__version__}"]
    if settings.application is not None:
        lines.append(f"application: {settings.application}")
    if settings.processes > 1:
        lines.append(f"processes: {settings.processes}")
    if jobs is not None:
        lines.append(f"max jobs: {jobs}{' in each' * (settings.processes > 1)}")
    for each in registered:
        lines += [
            f"route {each.name!r}:",
            f"  source:     {without_secrets(str(each.source))}",
            f"  handler:    {each.handler_name}",
        ]
    for route in settings.routes:
        lines += [
            f"route {route.name!r}:",
            f"  source:     {without_secrets(route.source)}",
            f"  handler:    {route.handler}",
            f"  translator: {route.translator}",
            f"  consumer:   {route.consumer}",
            f"  options:    {dict(route.options)}",
        ]
    return "\n".join(lines)
