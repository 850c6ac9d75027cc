"""What the workers of this machine say of themselves, as text; imports neither asyncio nor anything of the user's."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loafer.domain.shown import printable
from loafer.entrypoints.commands.screen import parted
from loafer.entrypoints.worker.status_place import is_gone, opened, status_files

READY, NOT_READY, NONE_FOUND = 0, 1, 3
"""Exit statuses."""

SILENT = 15.0
"""Seconds after which a worker that says nothing more is not ready, whatever it said last."""

Worker = dict[str, Any]


def found_workers(paths: Sequence[Path], now: float) -> list[Worker]:
    """Return what the workers that still run say: those of these files, or without any, all of this user's."""
    return [worker for _, worker in workers_by_file(paths, now)]


def workers_by_file(paths: Sequence[Path], now: float) -> Iterator[tuple[Path, Worker]]:
    """Yield the workers that still run, each with its file."""
    for path in paths or status_files():
        worker = _read(path, now)
        if worker is not None:
            yield path, worker


def paths_set() -> list[Path]:
    """Return the files that the environment names: that of one worker, or those of several."""
    setting = os.environ.get("LOAFER_STATUS_FILE", "").strip()
    if setting.lower() in {"", "none", "off"}:
        return []
    path = Path(setting)
    return [path, *sorted(path.parent.glob(f"{path.stem}-[0-9]*{path.suffix}"))]


def _read(path: Path, now: float) -> Worker | None:
    try:
        with opened(path) as file:
            return worker_in(file.read(), now)
    except OSError:
        return None


def worker_in(text: bytes, now: float) -> Worker | None:
    """Return what a worker says in a status file; None where that is no status of one that runs."""
    try:
        worker = json.loads(text)
        gone = is_gone(worker["pid"], worker["started"])
        silent = max(0.0, now - worker["at"])
        said = {**worker, **(_wedged(silent) if silent > SILENT else {}), "silent": silent}
        all(lines_of(said))
    except (OSError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError, AttributeError):
        return None
    return None if gone else said


def _wedged(silent: float) -> Worker:
    text = f"it has said nothing for {silent:.0f} s: its process is stopped, or something keeps the interpreter"
    return {"alive": False, "ready": False, "not_alive": [text], "state": "wedged"}


def exit_status(workers: Sequence[Mapping[str, Any]], *, alive: bool = False) -> int:
    """Return the exit status: whether all are ready, or `alive` is enough, some are not, or there is none."""
    if not workers:
        return NONE_FOUND
    well = all(worker["alive"] and (alive or worker["ready"]) for worker in workers)
    return READY if well else NOT_READY


def show_status(files: Sequence[str], *, as_json: bool, echo: Callable[[str], object], alive: bool = False) -> int:
    """Show the workers, and return the exit status."""
    paths = [Path(file) for file in files]
    workers = found_workers(paths or paths_set(), time.time())
    if as_json:
        echo(json.dumps({"workers": workers}))
    elif not workers and paths:
        echo("\n".join(printable(f"no worker found: {path}: {_why_none(path)}") for path in paths))
    elif not workers:
        echo("no worker found: none runs, or not as this user on this machine, or LOAFER_STATUS_FILE=off")
    else:
        echo("\n".join(parted(line, _tone) for worker in workers for line in lines_of(worker)))
    return exit_status(workers, alive=alive)


def _tone(part: str) -> str:
    """Return how bad it is what a part of a line says."""
    said = part.strip()
    if said in {"READY", "NOT READY", "NOT ALIVE"}:
        return {"READY": "good", "NOT READY": "doubtful"}.get(said, "bad")
    if said.startswith(("! ", "loop blocked")) or (said.startswith("trouble ") and said != "trouble none"):
        return "bad"
    return "strong" if said.startswith(("worker ", "route ")) else "doubtful" if said == "paused" else ""


def _why_none(path: Path) -> str:
    """Return why no worker is found by a file."""
    try:
        opened(path).close()
    except OSError as error:
        return error.strerror or "it is no file of a worker of this user"
    return "it is no status file, or its worker has ended"


def lines_of(worker: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is shown of a worker."""
    silent = worker["silent"]
    said = "READY" if worker["ready"] and worker["alive"] else "NOT READY" if worker["alive"] else "NOT ALIVE"
    loop = (
        f"loop blocked for {worker['blocked']:.0f} s"
        if worker["blocked"] > 1
        else f"loop {milliseconds(worker['latency'])}"
    )
    beat = f"heartbeat {worker['heartbeat'] + silent:.1f} s ago"
    name = f" ({worker['worker']})" if worker["worker"] else ""
    up = duration(worker["up"] + silent)
    yield "   ".join((f"worker {worker['pid']}{name}", f"up {up}", said, worker["state"], loop, beat))
    for reason in [*worker["not_alive"], *worker["not_ready"]]:
        yield f"  ! {reason}"
    for route in worker["routes"]:
        yield from _route(route, silent)


def _route(route: Mapping[str, Any], silent: float) -> Iterator[str]:
    oldest = route["oldest"]
    parts = [f"route {route['name']}", f"jobs {route['jobs']}/{route['limit']}", f"held {route['held']}"]
    if oldest is not None:
        parts.append(f"oldest {duration(oldest['seconds'] + silent)} ({oldest['id']} attempt {oldest['attempt']})")
    last = route["last_receive"]
    parts.append("last receive never" if last is None else f"last receive {last + silent:.1f} s ago")
    parts += ["paused"] * route["paused"]
    parts.append(f"trouble {route['trouble'] or 'none'}")
    yield "   ".join(parts)
    counts = route["counts"]
    failed = counts.get("failed", 0) + counts.get("untranslated", 0)
    lost = counts.get("leases_lost", 0) + counts.get("leases_ended", 0)
    numbers = {"done": counts.get("succeeded", 0), "failed": failed, "rejected": counts.get("rejected", 0)}
    numbers |= {"ignored": counts["ignored"]} if counts.get("ignored") else {}
    numbers |= {"leases lost": lost, "stale": counts.get("stale", 0)}
    shown = [f"{name} {grouped(number)}" for name, number in numbers.items()]
    if route["p50"] is not None:
        shown += [f"p50 {milliseconds(route['p50'])}", f"p99 {milliseconds(route['p99'])}"]
    yield "  " + "   ".join(shown)
    causes = [f"{cause} {grouped(number)}" for cause, number in sorted(route["causes"].items())]
    if causes:
        yield "  comes back: " + "   ".join(causes)


def grouped(number: int) -> str:
    """Return a number with a space between thousands."""
    return f"{number:,}".replace(",", " ")


def milliseconds(seconds: float) -> str:
    """Return a short time as text."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def duration(seconds: float) -> str:
    """Return a time as text, in two units at most."""
    whole = int(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole} s"
    minutes, hours = whole // 60, whole // 3600
    return f"{minutes}m{whole % 60:02}s" if not hours else f"{hours}h{minutes % 60:02}m"
