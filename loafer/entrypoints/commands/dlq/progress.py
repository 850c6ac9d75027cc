"""How far a long command is: a bar with rate and time left in a terminal, and nothing where there is none."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from loafer.entrypoints.commands.screen import is_drawn


@contextmanager
def bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield what shows how many of about `total` are done."""
    if not is_drawn(sys.stderr):
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only where somebody looks
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total, rate="")

        def show(done: int) -> None:
            speed = progress.tasks[0].speed
            progress.update(task, completed=done, rate=f"{speed:.0f}/s" if speed else "")

        yield show
