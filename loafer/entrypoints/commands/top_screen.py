"""The screen of `loafer top`: three tables that follow the workers of this machine, and keys that change them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Static

from loafer.entrypoints.commands.board import ALL, Board, Look
from loafer.entrypoints.commands.looking import change, stack_of
from loafer.entrypoints.commands.top_dialogs import Question, Stack
from loafer.entrypoints.commands.top_table import HELD, ROUTES, WORKERS, Table

EVERY = 1.0
"""Seconds between two looks."""

NOBODY = "no worker found: none runs, or not as this user on this machine, or LOAFER_STATUS_FILE=off"

MEANS = {
    "pause": "Nothing more is received there; what is held is handled.",
    "resume": "Messages are received there again.",
    "drain": "Nothing more is received there; what waits for a handler goes back to the queue.",
}


class Top(App[int]):
    """Shows workers until the user leaves."""

    TITLE = "loafer top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; }
    #head { height: 1; text-style: bold; }
    #why { height: auto; max-height: 2; color: $text-warning; }
    #workers { height: auto; max-height: 30%; }
    #routes { height: auto; max-height: 40%; }
    #held { height: 1fr; }
    Table { background: $surface; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", show=False, priority=True),
        Binding("tab", "app.focus_next", "Next table"),
        Binding("p", "ask('pause')", "Pause"),
        Binding("r", "ask('resume')", "Resume"),
        Binding("d", "ask('drain')", "Drain"),
    ]

    def __init__(self, look: Callable[[], Sequence[Look]], every: float = EVERY) -> None:
        """Show what `look` returns, which is called on a thread, every so many seconds."""
        super().__init__()
        self.board = Board()
        self._look_at, self._every = look, every
        self._head_line = Static("loafer top", id="head", markup=False)
        self._why_line = Static("", id="why", markup=False)
        self._of_workers = Table(WORKERS, "workers")
        self._of_routes = Table(ROUTES, "routes")
        self._of_held = Table(HELD, "held")

    def compose(self) -> ComposeResult:
        """Make the screen."""
        yield from (self._head_line, self._why_line, self._of_workers, self._of_routes, self._of_held)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to look."""
        self._of_routes.focus()
        self.run_worker(self._follow(), group="follow")

    def on_resize(self) -> None:
        """Draw anew: lines of bars are as long as there is room."""
        self.call_after_refresh(self.draw)

    async def _follow(self) -> None:
        while True:
            self.board.take(await asyncio.to_thread(self._look_at))
            self.draw()
            await asyncio.sleep(self._every)

    def draw(self) -> None:
        """Show what the board has."""
        if not self._of_held.is_attached:
            return  # it begins, or ends
        self._of_workers.show(list(self.board.workers()))
        worker = self._of_workers.selected or ALL
        self._of_routes.show(list(self.board.routes(worker, self._of_routes.room("spark"))))
        self._of_held.show(list(self.board.held(worker)))
        self._head_line.update(f"loafer top   {self.board.head()}")
        why = self.board.why(worker) if self.board.looks else NOBODY
        self._why_line.update(why)
        self._why_line.display = bool(why)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the routes and the messages of the worker that is chosen."""
        if event.data_table is self._of_workers and self._of_workers.has_focus:
            self.draw()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Show where the handler of a message is."""
        key = event.row_key.value or ""
        for look in self.board.looks:
            if event.data_table is self._of_held and key.startswith(f"{look.key}/"):
                self.run_worker(self._show_stack(look, key.removeprefix(f"{look.key}/")), group="stack")
                return

    async def _show_stack(self, look: Look, message: str) -> None:
        stack = await asyncio.to_thread(stack_of, look, message)
        await self.push_screen(Stack(f"worker {look.worker['pid']}   message {message}", stack))

    def action_ask(self, what: str) -> None:
        """Ask whether the route that is chosen is to be paused, resumed or drained, and do it."""
        route = self._of_routes.selected
        looks = self.board.of(self._of_workers.selected or ALL)
        if route and looks:
            self.run_worker(self._change(looks, what, route), group="change")

    async def _change(self, looks: Sequence[Look], what: str, route: str) -> None:
        where = f"worker {looks[0].worker['pid']}" if len(looks) == 1 else f"all {len(looks)} workers"
        if await self.push_screen_wait(Question(f"{what.title()} {route} in {where}?", MEANS[what])):
            self.notify(await asyncio.to_thread(change, looks, what, route), markup=False)
