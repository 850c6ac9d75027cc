"""Workers with names, which the strict endpoint's history tells apart; what they run is noted in one file."""

from collections import Counter
from pathlib import Path

from workers import Worker

POLLS = '{"WaitTimeSeconds": %d, "MaxNumberOfMessages": 10}'
QUICK = ("--consumer-opts", POLLS % 1)
"""Options of a worker whose last poll is over soon."""


def hire(folder: Path, name: str, queue: str, handler: str, options: tuple[str, ...] = QUICK, **environ: str) -> Worker:
    """Start a worker, with one of strict_handlers.py or a full name, in a folder and with an access key of its name."""
    (folder / name).mkdir(exist_ok=True)
    known = {"AWS_ACCESS_KEY_ID": name, "RUNS": str(folder / "runs")}
    full = handler if "." in handler else f"strict_handlers.{handler}"
    return Worker(folder / name, queue, full, options, {**known, **environ})


def noted_of(folder: Path) -> list[tuple[str, float]]:
    """Return what the handlers of all workers noted, and when."""
    file = folder / "runs"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(what, float(at)) for what, at in (line.split() for line in lines)]


def runs_of(folder: Path) -> Counter[str]:
    """Return how often each message ran, over all workers."""
    return Counter(what for what, _ in noted_of(folder))


def once(count: int, start: int = 0) -> Counter[str]:
    """Return what `runs_of` says if so many numbers ran once each."""
    return Counter(str(number) for number in range(start, start + count))
