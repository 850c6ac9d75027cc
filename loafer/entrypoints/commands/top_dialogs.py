"""What `loafer top` lays over its screen: a question before something is changed, and the stack of a handler."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static


class Question(ModalScreen[bool]):
    """Asks, and is dismissed with whether the answer was yes."""

    CSS = """
    Question { align: center middle; }
    Question Vertical { width: 64; max-width: 95%; height: auto; padding: 1 2; border: round $warning; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No"),
    ]

    def __init__(self, question: str, means: str) -> None:
        """Ask this, and say what it means."""
        super().__init__()
        self._question, self._means = question, means

    def compose(self) -> ComposeResult:
        """Make the dialog."""
        with Vertical():
            yield Static(self._question, markup=False)
            yield Static(f"{self._means}\n", markup=False)
            yield Static("y  yes      n  no", markup=False)

    def action_answer(self, answer: bool) -> None:
        """Go back with an answer."""
        self.dismiss(answer)


class Stack(ModalScreen[None]):
    """Shows a stack."""

    CSS = """
    Stack { align: center middle; }
    Stack Vertical { width: 95%; height: 90%; padding: 0 1; border: round $primary; }
    Stack VerticalScroll { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Back")]

    def __init__(self, title: str, stack: str) -> None:
        """Show a stack of what the title says."""
        super().__init__()
        self._title, self._stack = title, stack

    def compose(self) -> ComposeResult:
        """Make the dialog."""
        with Vertical():
            yield Static(f"{self._title}\n", markup=False)
            with VerticalScroll():
                yield Static(self._stack, markup=False)
            yield Static("escape  back", markup=False)
