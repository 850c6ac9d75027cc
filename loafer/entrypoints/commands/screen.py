"""Tables and colours: with rich on a terminal that shows them, and as plain text everywhere else."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, TextIO

import attrs

from loafer.domain.shown import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES: Mapping[str, str] = {
    "good": "green",
    "doubtful": "yellow",
    "bad": "bold red",
    "unknown": "cyan",
    "strong": "bold",
    "faint": "dim",
    "": "",
}
"""How rich draws each tone."""

BETWEEN = "   "
"""What is between the parts of a line that is no table."""

GAP = 2
"""Characters between two columns."""

NARROWEST = 12
"""Characters that are left at least of what is cut."""

INDENT, MOST = 2, 21
"""Characters before rows without a head, and in a column of theirs."""

LEAST, LONGEST = 60, 120
"""Columns that a terminal is taken to have at least, and in which sentences are easy to read at most."""


@attrs.frozen
class Toned:
    """What is shown in the colour of a tone, where there are colours.

    Attributes:
        value: A text or a number.
        tone: A key of STYLES.
        text: How it is written; None: as Python does.

    """

    value: object
    tone: str = ""
    text: str | None = None

    def __str__(self) -> str:
        return str(self.value) if self.text is None else self.text


def columns() -> int:
    """Return how many characters fit in a line: those of the terminal, or 80 without one."""
    from shutil import get_terminal_size  # noqa: PLC0415 - `--help` needs no sizes

    return max(LEAST, get_terminal_size().columns)


def in_sentences() -> int:
    """Return how many characters of a line sentences use."""
    return min(columns(), LONGEST)


def is_drawn(stream: TextIO | None = None) -> bool:
    """Tell whether a stream, or standard output, is a terminal that may have colours, and rich is there."""
    stream = stream or sys.stdout
    if stream is None:  # it was closed before the start
        return False
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in _COLOURLESS
    return wanted and (stream.encoding or "").lower().startswith("utf") and _has_rich()


_COLOURLESS = (None, "", "dumb")


@cache
def _has_rich() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415 - as above

    return find_spec("rich") is not None


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, width: int = 0, cut: int = 0) -> str:
    """Return a table: columns of texts to the left, and those of numbers to the right.

    With a width that it does not fit, the texts of the column `cut` are cut in their middle.
    """
    texts = _cut([[printable(str(cell)) for cell in row] for row in (head, *rows)], width, cut)
    left = [any(_is_text(row[place]) for row in rows) for place in range(len(head))]
    if is_drawn():
        return _drawn_table(texts, rows, left)
    widths = _widths(texts)
    return "\n".join(
        (" " * GAP)
        .join(
            cell.ljust(size) if text else cell.rjust(size) for cell, size, text in zip(row, widths, left, strict=True)
        )
        .rstrip()
        for row in texts
    )


def hung(rows: Sequence[Sequence[object]], width: int = 0, *, gap: int = GAP) -> str:
    """Return rows whose last cell is a sentence, which goes on below itself where a width is given.

    The others are aligned; a column of them has MOST characters at most, but for what does not fit.
    """
    from textwrap import wrap  # noqa: PLC0415 - as above

    texts = [[printable(str(cell)) for cell in row] for row in rows]
    if is_drawn():
        return _drawn_rows(texts, rows, width or columns(), gap)
    widths = [min(MOST, size) for size in _widths(texts)[:-1]]
    margin = INDENT + sum(widths) + gap * len(widths)
    lines = list[str]()
    for row in texts:
        before = "".join(f"{cell:<{size}}{' ' * gap}" for cell, size in zip(row, widths, strict=False))
        first, *rest = (wrap(row[-1], max(20, width - margin), break_on_hyphens=False) if width else [row[-1]]) or [""]
        lines.append(f"{' ' * INDENT}{before}{first}".rstrip())
        lines += [f"{' ' * margin}{line}" for line in rest]
    return "\n".join(lines)


def toned(text: str, tone: str) -> str:
    """Return a text in the colour of a tone, or as it is where there are none."""
    text = printable(text)
    if not tone or not is_drawn():
        return text
    from rich.text import Text  # noqa: PLC0415 - only where somebody looks

    return _drawn(Text(text, STYLES[tone]), 2 * len(text) + 1)


def sentence(text: str, tone: str = "") -> str:
    """Return a text in the colour of a tone, in lines that end between words where there are colours."""
    text = printable(text)
    if not is_drawn():
        return text
    from rich.text import Text  # noqa: PLC0415 - only where somebody looks

    return _drawn(Text(text, STYLES[tone]), columns())


def parted(line: str, tone_of: Callable[[str], str]) -> str:
    """Return a line of parts, three blanks apart, each in the colour of its tone, in as many lines as it takes.

    Where there are no colours it stays as it is.
    """
    line = printable(line)
    if not is_drawn():
        return line
    indent = " " * (len(line) - len(line.lstrip()))
    lines, room = list[list[str]](), 0
    for part in line.split(BETWEEN):
        room -= len(BETWEEN) + len(part)
        if room < 0:
            lines.append([])
            room = columns() - len(part) - (len(indent) + INDENT if lines[1:] else 0)
        lines[-1].append(toned(part, tone_of(part)))
    return f"\n{indent}{' ' * INDENT}".join(BETWEEN.join(parts) for parts in lines)


def _is_text(cell: object) -> bool:
    value = cell.value if isinstance(cell, Toned) else cell
    return bool(value) and not isinstance(value, int | float)


def _widths(texts: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*texts, strict=True)]


def _cut(texts: list[list[str]], width: int, column: int) -> list[list[str]]:
    widths = _widths(texts)
    excess = sum(widths) + GAP * (len(widths) - 1) - width
    if not width or excess <= 0:
        return texts
    longest = max(NARROWEST, widths[column] - excess)
    return [[in_room(cell, longest) if place == column else cell for place, cell in enumerate(row)] for row in texts]


def in_room(text: str, longest: int) -> str:
    """Return a text of so many characters at most, with what is cut out of its middle told."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return f"{text[: longest - 1 - tail]}…{text[-tail:]}"


def _tone(cell: object) -> str:
    return STYLES[cell.tone] if isinstance(cell, Toned) else ""


def _drawn_table(texts: Sequence[Sequence[str]], rows: Sequence[Sequence[object]], left: Sequence[bool]) -> str:
    from rich import box  # noqa: PLC0415 - only where somebody looks
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0), border_style="dim")
    for label, text in zip(texts[0], left, strict=True):
        drawn.add_column(Text(label), justify="left" if text else "right", no_wrap=not text, overflow="fold")
    for shown, row in zip(texts[1:], rows, strict=True):
        drawn.add_row(*(Text(text, _tone(cell)) for text, cell in zip(shown, row, strict=True)))
    return _drawn(drawn, columns())


def _drawn_rows(texts: Sequence[Sequence[str]], rows: Sequence[Sequence[object]], width: int, gap: int) -> str:
    from rich.padding import Padding  # noqa: PLC0415 - only where somebody looks
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table.grid(padding=(0, gap, 0, 0), pad_edge=False)
    for size in _widths(texts)[:-1]:
        drawn.add_column(width=min(size, MOST), overflow="fold")
    drawn.add_column(overflow="fold")
    for shown, row in zip(texts, rows, strict=True):
        drawn.add_row(*(Text(text, _tone(cell)) for text, cell in zip(shown, row, strict=True)))
    return _drawn(Padding(drawn, (0, 0, 0, INDENT)), width)


def _drawn(what: "RenderableType", width: int) -> str:
    """Return what rich makes of it, for a terminal: click prints it, so that whatever watches click sees it."""
    from rich.console import Console  # noqa: PLC0415 - only where somebody looks

    console = Console(file=StringIO(), force_terminal=True, width=width, markup=False, emoji=False, highlight=False)
    with console.capture() as captured:
        console.print(what)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))
