"""Looks at all workers of this machine at once: at their status files, and at what they answer."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from loafer.entrypoints.commands.asking import ask
from loafer.entrypoints.commands.board import Look
from loafer.entrypoints.commands.status import workers_by_file

AT_ONCE = 16
"""Workers that are asked at once: one that is wedged keeps nobody waiting."""


def look_at(paths: Sequence[Path]) -> list[Look]:
    """Look at the workers of these files, or without any at all of this user's; may take some seconds."""
    found = list(workers_by_file(paths, time.time()))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(lambda pair: _look(*pair), found))


def _look(file: Path, worker: dict[str, Any]) -> Look:
    """Look at one worker; where it does not answer, at what its file says."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        status = ask(file, {"ask": "status"})["status"]
        if status["routes"]:
            return Look(file, status, ask(file, {"ask": "held"})["held"])
        return Look(file, status)
    return Look(file, worker, answers=False)


def stack_of(look: Look, message: str) -> str:
    """Return where the handler of a message is, or in words why that cannot be told."""
    try:
        stacks = ask(look.file, {"ask": "stacks", "id": message})["stacks"]
    except (OSError, ValueError) as error:
        return f"the worker does not tell: {error}"
    return "\n".join(stack["stack"] for stack in stacks) or "no handler has it any more, or not yet"


def change(looks: Sequence[Look], what: str, route: str) -> str:
    """Pause, resume or drain a route in workers, and return in words what became of it."""
    past, done, later, failed = {"pause": "paused", "resume": "resumed", "drain": "drained"}[what], 0, 0, []
    for look in looks:
        if any(each["name"] == route for each in look.worker["routes"]):
            try:
                answer = ask(look.file, {"ask": what, "route": route})
            except (OSError, ValueError) as error:
                failed.append(f"worker {look.worker['pid']} did not: {error}")
            else:
                done, later = done + 1, later + (not answer["done"])
    said = [f"{route} is {past} in {done} worker{'s' * (done != 1)}"] if done else []
    said += [f"{later} of them blocked: as soon as their event loops answer"] if later else []
    return "; ".join([*said, *failed]) or f"no worker has {route} any more"
