import io
import re
from types import SimpleNamespace

import pytest

from loafer.entrypoints.commands import screen
from loafer.entrypoints.commands.screen import Toned, hung, is_drawn, parted, sentence, table, toned

SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")
ROWS = [("a long name", Toned(1, "bad")), ("b", 1234567)]


class Terminal(io.TextIOWrapper):
    """A terminal, as far as a stream can tell."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "sys", SimpleNamespace(stdout=Terminal(io.BytesIO(), encoding="utf-8")))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)


def without_colours(text: str) -> list[str]:
    return [line.rstrip() for line in SEQUENCE.sub("", text).splitlines()]


def test_a_table_has_its_names_to_the_left_and_its_numbers_to_the_right() -> None:
    assert table(("what", "number"), ROWS).splitlines() == [
        "what          number",
        "a long name        1",
        "b            1234567",
    ]


def test_a_table_without_rows_is_its_head() -> None:
    assert table(("what", "number"), []) == "what  number"


def test_names_are_cut_in_their_middle_where_a_table_is_too_wide_but_not_to_nothing() -> None:
    text = table(("queue", "waiting"), [("orders-of-the-whole-wide-world-dlq", 1)], width=30)
    assert text.splitlines() == ["queue                  waiting", "orders-of-…-world-dlq        1"]
    [_, row] = table(("queue", "waiting"), [("orders-of-the-whole-wide-world-dlq", 1)], width=5).splitlines()
    assert row.split()[0] == "orders…d-dlq"


def test_a_sentence_goes_on_below_itself_where_a_width_is_given() -> None:
    rows = [("stop", "the worker stopped before it was done"), ("failed", "it failed")]
    assert hung(rows, 40).splitlines() == [
        "  stop    the worker stopped before it",
        "          was done",
        "  failed  it failed",
    ]
    assert hung(rows).splitlines()[0] == "  stop    the worker stopped before it was done"
    assert hung([("stop", "")], 40) == "  stop"


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_the_same_table_with_a_line_below_its_head_and_colours() -> None:
    text = table(("what", "number"), ROWS)
    assert "\x1b[1;31m      1\x1b[0m" in text
    head, line, *rows = without_colours(text)
    assert set(line) == {"─"}
    assert [head, *rows] == ["what          number", "a long name        1", "b            1234567"]


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_the_same_rows_in_colours() -> None:
    rows = [
        (Toned("WARN ", "doubtful"), "stop", "a sentence that is longer than the line it stands in"),
        ("?", "x", ""),
    ]
    text = hung(rows, 40, gap=1)
    assert "\x1b[33mWARN " in text
    assert without_colours(text) == [
        "  WARN  stop a sentence that is longer",
        "             than the line it stands in",
        "  ?     x",
    ]
    assert toned("fine", "good") == "\x1b[32mfine\x1b[0m"
    assert toned("fine", "") == "fine"


@pytest.mark.usefixtures("terminal")
def test_nothing_is_lost_of_what_does_not_fit() -> None:
    text = "".join(without_colours(table(("call", "of", "a"), [("Change" * 10, "x" * 20, 1)])))
    assert text.count("Change") + text.count("x") >= 10
    assert max(map(len, without_colours(table(("call", "of", "a"), [("Change" * 20, "x" * 20, 1)])))) <= 80


@pytest.mark.parametrize(
    ("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "")], ids=["NO_COLOR", "dumb", "no terminal type"]
)
@pytest.mark.usefixtures("terminal")
def test_a_terminal_that_wants_no_colours_gets_plain_text(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert "\x1b" not in table(("what", "number"), ROWS) + hung(ROWS, 80) + toned("fine", "good")


@pytest.mark.usefixtures("terminal")
def test_without_rich_all_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "_has_rich", lambda: False)
    assert not is_drawn()
    assert table(("what", "number"), ROWS).startswith("what          number\n")


def test_an_output_that_was_closed_before_the_start_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "sys", SimpleNamespace(stdout=None))
    assert not is_drawn()


@pytest.mark.usefixtures("terminal")
def test_a_terminal_that_cannot_show_lines_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "sys", SimpleNamespace(stdout=Terminal(io.BytesIO(), encoding="ascii")))
    assert not is_drawn()


@pytest.mark.usefixtures("terminal")
def test_what_others_wrote_changes_neither_colours_nor_lines() -> None:
    evil = "a\x1b[2J[bold]b[/bold]:smile:\nc"
    for text in (table(("queue", "n"), [(evil, 1)]), hung([("x", evil)], 80), toned(evil, "bad")):
        assert "a\\x1b[2J[bold]b[/bold]:smile:\\nc" in SEQUENCE.sub("", text)
        assert "\x1b[2J" not in text


PARTS = "  done 8   failed 1000000   rejected 0   leases lost 0   stale 0   p50 1 ms   p99 10 ms   trouble none"


@pytest.mark.usefixtures("terminal")
def test_a_line_of_parts_goes_on_below_itself_between_two_of_them_in_a_terminal() -> None:
    text = parted(PARTS, lambda part: "bad" if part == "stale 0" else "")
    assert "\x1b[1;31mstale 0\x1b[0m" in text
    assert without_colours(text) == [
        "  done 8   failed 1000000   rejected 0   leases lost 0   stale 0   p50 1 ms",
        "    p99 10 ms   trouble none",
    ]


def test_a_line_of_parts_is_one_line_elsewhere() -> None:
    assert parted(PARTS, lambda _: "bad") == PARTS


@pytest.mark.usefixtures("terminal")
def test_a_sentence_ends_its_lines_between_words_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = sentence("a word and another, and many more than can be in one line of sixty")
    assert without_colours(text) == ["a word and another, and many more than can be in one line of", "sixty"]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\n" not in sentence("word " * 40)
