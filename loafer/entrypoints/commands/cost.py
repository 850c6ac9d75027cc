"""What `loafer cost` does: the calls of this machine's workers, in a month and in dollars."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from loafer.domain.checks.finding import lasting
from loafer.domain.prices import OF, Billed, advice_for, together
from loafer.domain.shown import printable
from loafer.entrypoints.commands.screen import Toned, columns, in_room, is_drawn, sentence, table
from loafer.entrypoints.commands.status import NONE_FOUND, found_workers, paths_set

HEAD = ("call", "of", "so far", "a month", "billed as", "$ a month")
NAME = 30
"""Characters of a name that are shown."""


def show_cost(files: Sequence[str], *, as_json: bool, echo: Callable[[str], object]) -> int:
    """Print what the calls cost, and return the exit status."""
    workers = found_workers([Path(file) for file in files] or paths_set(), time.time())
    counted = [worker for worker in workers if worker.get("calls") is not None and worker["up"] > 0]
    if as_json:
        echo(json.dumps(document_of(counted)))
    elif counted:
        echo("\n".join(lines_of(counted)))
    else:
        echo("no worker found: none runs, or not as this user on this machine, or LOAFER_STATUS_FILE=off")
    return 0 if counted else NONE_FOUND


def so_far(workers: Sequence[Mapping[str, Any]]) -> list[Billed]:
    """Return what these workers called."""
    return together(Billed(**line) for worker in workers for line in worker["calls"])


def a_month(workers: Sequence[Mapping[str, Any]]) -> list[Billed]:
    """Return what they call in a month, if each goes on as since its start."""
    return together(Billed(**line).a_month(worker["up"]) for worker in workers for line in worker["calls"])


def document_of(workers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return all figures as JSON has them."""
    month = a_month(workers)
    return {
        "prices": OF,
        "workers": [{"pid": worker["pid"], "up": worker["up"]} for worker in workers],
        "so_far": [attrs.asdict(line) for line in so_far(workers)],
        "a_month": [{**attrs.asdict(line), "dollars": line.dollars} for line in month],
        "dollars": sum(line.dollars for line in month),
        "advice": [attrs.asdict(advice) for advice in advice_for(month)],
    }


def lines_of(workers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is shown."""
    month, now = a_month(workers), {(line.operation, line.place): line for line in so_far(workers)}
    rows = [_row(line, now[line.operation, line.place].calls) for line in month]
    sums = [sum(figures) for figures in zip(*(row[2:5] for row in rows), strict=True)] or [0, 0, 0]
    total = _dollars(sum(line.dollars for line in month), "strong")
    rows.append([Toned("in all", "strong"), "", *(Toned(number, "strong") for number in sums), total])
    yield table(HEAD, rows, width=columns() if is_drawn() else 0, cut=1)
    up = lasting(round(max(worker["up"] for worker in workers)))
    yield f"counted by {len(workers)} worker{'s' * (len(workers) != 1)}, up for {up}; a month is 30 days like that"
    yield f"list prices of {OF}, without the free million"
    for advice in advice_for(month):
        told = f"{in_room(advice.place, NAME)}: {advice.text}: $ {advice.dollars:.2f} a month less"
        yield sentence(told, "good")


def _row(line: Billed, now: int) -> list[object]:
    name = in_room(printable(line.place), NAME)
    return [_spoken(line.operation), name, now, line.calls, line.chunks, _dollars(line.dollars)]


def _dollars(number: float, tone: str = "") -> Toned:
    return Toned(number, tone, f"{number:.2f}")


def _spoken(operation: str) -> str:
    return printable("".join(word.capitalize() for word in operation.split("_")))
