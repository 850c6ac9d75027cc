"""What `loafer top` begins with: it needs a terminal, and the extra that draws on it."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from loafer.entrypoints.commands.status import paths_set

USAGE = 2
"""The exit status where it cannot run."""


def show_top(files: Sequence[str], tell: Callable[[str], object]) -> int:
    """Show the workers until the user leaves, and return the exit status; what keeps it from that is told."""
    why = _why_not()
    if why:
        tell(f"loafer: {why}")
        return USAGE
    from loafer.entrypoints.commands.looking import look_at  # noqa: PLC0415 - what follows imports much
    from loafer.entrypoints.commands.top_screen import Top  # noqa: PLC0415

    return Top(partial(look_at, [Path(file) for file in files] or paths_set())).run() or 0


def _why_not() -> str:
    """Return why it cannot run; nothing if it can."""
    if (
        not all(each.isatty() for each in (sys.stdin, sys.stdout, sys.stderr))
        or os.environ.get("TERM", "dumb") == "dumb"
    ):
        return "top draws on a terminal, and this is none; use `loafer status`"
    if find_spec("textual") is None:
        return "top draws with textual; pip install 'loafer[top]'"
    return ""
