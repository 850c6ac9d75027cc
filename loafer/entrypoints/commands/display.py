"""What people see in their terminal, as text."""

from collections.abc import Sequence

from loafer import __version__
from loafer.domain.shown import without_secrets
from loafer.entrypoints.settings.table import Settings


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table as text: the first column to the left, numbers to the right."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in ([*zip(row, widths, strict=True)] for row in cells)
    )


def banner(settings: Settings) -> str:
    """Return what is about to run."""
    lines = [f"loafer {__version__}", f"max jobs: {settings.max_jobs}"]
    if settings.processes > 1:
        lines[1:] = [f"processes: {settings.processes}", f"max jobs: {settings.max_jobs} in each"]
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
