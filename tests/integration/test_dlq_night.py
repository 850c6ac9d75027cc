"""A night with 512 dead letters is mended with six commands, every number is right, and nothing stays hidden."""

import re
from pathlib import Path

import pytest
from endpoints import queue_counts
from night import BUGS, COMMANDS, PAGE, POISON, UNKNOWN, Night, fill


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_six_commands_mend_it(on_ministack: str, tmp_path: Path) -> None:
    await fill()
    screen = Night(tmp_path, on_ministack).screen()
    for text in (
        "orders-dlq   512 seen of ~512   from: orders\n",
        "  300  KeyError        shop:charge:41",
        "  150  InvalidContent  (content) $.total",
        " 62  no reason recorded",
        "300 would succeed · 150 still InvalidContent · 62 still TimeoutError\n",
        "dry run: would send 300 to orders in about 6 s   (512 seen of ~512)\n",
        "sent 300   deleted 300   (512 seen of ~512)\n",
        "deleted 150   (212 seen of ~212)\n",
        "orders-dlq   62 seen of ~62",
    ):
        assert text.strip() in screen, screen
    assert all(len(line) <= 80 for line in screen.splitlines() if not line.startswith(("$", "their bodies"))), screen
    base = f"{on_ministack}/000000000000/"
    assert await queue_counts(f"{base}orders") == (BUGS, 0)
    assert await queue_counts(f"{base}orders-dlq") == (UNKNOWN, 0)
    [purged] = (tmp_path / "state" / "loafer").glob("*.purged")
    assert len(purged.read_text().splitlines()) == POISON + 1


def test_the_page_has_the_screen() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"$ {command}\n" in page for command in COMMANDS)
    assert re.search(r"^300 would succeed · 150 still InvalidContent · 62 still TimeoutError$", page, re.MULTILINE)
