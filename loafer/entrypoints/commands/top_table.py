"""A table of `loafer top`: its columns fit the width, and its cursor stays on what it is on while rows change."""

from collections.abc import Sequence

import attrs
from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from loafer.entrypoints.commands.board import Row

TONES = {"good": "green", "doubtful": "yellow", "bad": "bold red"}


@attrs.frozen
class Column:
    """A column: what it shows, and how wide it is at least, with a blank.

    Attributes:
        name: The name of its cells.
        label: What stands above it.
        width: Its characters at least.
        more: Its share of what is left of the width.
        wide: From which width of the screen on it is shown.
        right: Whether it is of numbers.

    """

    name: str
    label: str
    width: int
    more: int = 0
    wide: int = 0
    right: bool = False


WORKERS = (
    Column("worker", "worker", 17, more=1),
    Column("state", "state", 22, more=1),
    Column("up", "up", 8, right=True),
    Column("loop", "loop", 12, right=True),
    Column("beat", "heartbeat", 10, wide=100, right=True),
    Column("held", "held", 8, right=True),
    Column("rate", "done/s", 9, right=True),
)
ROUTES = (
    Column("route", "route", 17, more=1),
    Column("spark", "done/s", 13, more=2),
    Column("rate", "", 7, right=True),
    Column("jobs", "jobs", 7, right=True),
    Column("held", "held", 6, right=True),
    Column("oldest", "oldest", 8, right=True),
    Column("failed", "failed", 7, right=True),
    Column("rejected", "rejected", 9, wide=100, right=True),
    Column("p50", "p50", 7, right=True),
    Column("p99", "p99", 7, right=True),
    Column("trouble", "trouble", 20, more=1, wide=140),
)
HELD = (
    Column("id", "held   (enter: stack)", 26, more=2),
    Column("route", "route", 13, more=1),
    Column("worker", "worker", 8, right=True),
    Column("what", "what", 12, more=1, right=True),
    Column("age", "age", 7, right=True),
    Column("attempt", "try", 4, right=True),
    Column("left", "lease", 9, right=True),
)


class Table(DataTable[Text]):
    """A table of rows that come anew with each look."""

    def __init__(self, columns: Sequence[Column], id: str) -> None:  # noqa: A002 - textual's name
        """Have these columns."""
        super().__init__(id=id, cursor_type="row", cell_padding=0, zebra_stripes=False)
        self._all, self._fitted, self._shown = columns, dict[str, int](), list[Row]()

    @property
    def selected(self) -> str | None:
        """The key of the row that the cursor is on; None: there is none."""
        return self._shown[self.cursor_row].key if self._shown and self.cursor_row < len(self._shown) else None

    def room(self, column: str) -> int:
        """Return how many characters a column has, but for the blank beside it."""
        return self._fit().get(column, 1) - 1

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows in place of those before, with the cursor on the row of the same key if it is there."""
        fitted = self._fit()
        if fitted != self._fitted:
            self._fitted, self._shown = fitted, []
            self.clear(columns=True)
            for column in self._all:
                if column.name in fitted:
                    self.add_column(self._text(column.label, column), width=fitted[column.name], key=column.name)
        selected, columns = self.selected, [column for column in self._all if column.name in fitted]
        if [row.key for row in rows] == [row.key for row in self._shown]:
            for place, (row, before) in enumerate(zip(rows, self._shown, strict=True)):
                if row != before:
                    for column in columns:
                        self.update_cell_at(Coordinate(place, columns.index(column)), self._cell(row, column))
            self._shown = list(rows)
            return
        top = self.scroll_y
        self.clear()
        self._shown = list(rows)
        for row in rows:
            self.add_row(*(self._cell(row, column) for column in columns), key=row.key)
        place = next((place for place, row in enumerate(rows) if row.key == selected), 0)
        self.move_cursor(row=place, animate=False, scroll=False)
        self.scroll_to(y=top, animate=False)

    def _cell(self, row: Row, column: Column) -> Text:
        style = TONES.get(row.tone, "") if column.name in _TONED else ""
        return self._text(row.cells.get(column.name, ""), column, style)

    def _text(self, shown: str, column: Column, style: str = "") -> Text:
        width, text = self._fitted[column.name] - 1, Text(shown, style=style, no_wrap=True)
        text.truncate(width, overflow="ellipsis")
        if column.right:
            text.pad_left(width - text.cell_len)
        return text

    def _fit(self) -> dict[str, int]:
        """Return how wide each column is that is shown."""
        whole = self.app.size.width
        columns = [column for column in self._all if whole >= column.wide]
        left = max(0, whole - 1 - sum(column.width for column in columns))
        shares = sum(column.more for column in columns) or 1
        return {column.name: column.width + left * column.more // shares for column in columns}


_TONED = ("worker", "state", "route", "trouble", "left", "id")
"""The columns that show how a row is, beside their words."""
