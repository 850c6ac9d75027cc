"""What `loafer top` shows, as rows of texts: of workers, of their routes, and of what they hold."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from loafer.domain.rates import Meter, sparkline, summed
from loafer.domain.shown import printable
from loafer.entrypoints.commands.status import duration, grouped, milliseconds

ALL = ""
"""The key of the row for all workers together."""

MOST_HELD = 200
"""Messages that are shown."""

Document = Mapping[str, Any]


@attrs.frozen
class Look:
    """What was seen of one worker.

    Attributes:
        file: Its status file.
        worker: What it says of itself.
        held: What it holds: what handlers have first.
        answers: Whether it answers at its socket.

    """

    file: Path
    worker: Document
    held: Sequence[Document] = ()
    answers: bool = True

    @property
    def key(self) -> str:
        """What tells it from other workers, and from an earlier one of its number."""
        return f"{self.worker['pid']}/{self.worker['started']}"


@attrs.frozen
class Row:
    """A line of a table.

    Attributes:
        key: What it is about.
        cells: Its texts, by column.
        tone: How it is: `good`, `doubtful`, `bad`, or nothing to say.

    """

    key: str
    cells: Mapping[str, str]
    tone: str = ""


@attrs.define
class Board:
    """Remembers the latest looks at all workers, and how fast what they count grew."""

    looks: Sequence[Look] = ()
    _done: dict[tuple[str, str], Meter] = attrs.field(factory=dict, init=False)
    _calls: dict[str, Meter] = attrs.field(factory=dict, init=False)

    def take(self, looks: Sequence[Look]) -> None:
        """Take in new looks; workers that are gone are forgotten."""
        self.looks = looks
        here = {look.key for look in looks}
        self._done = {key: meter for key, meter in self._done.items() if key[0] in here}
        self._calls = {key: meter for key, meter in self._calls.items() if key in here}
        for look in looks:
            at, calls = look.worker["at"], 0
            for route in look.worker["routes"]:
                self._done.setdefault((look.key, route["name"]), Meter()).look(at, route["counts"].get("succeeded", 0))
                calls += sum(route.get("calls", {}).values())
            self._calls.setdefault(look.key, Meter()).look(at, calls)

    def of(self, worker: str) -> list[Look]:
        """Return the looks at one worker, or at all."""
        return [look for look in self.looks if worker in (ALL, look.key)]

    def head(self) -> str:
        """Return the line that sums all up."""
        routes = {route["name"] for look in self.looks for route in look.worker["routes"]}
        done = _latest(self._rates(self.looks))
        calls = sum(meter.mean for meter in self._calls.values()) * 3600
        many = [_count(len(self.looks), "worker"), _count(len(routes), "route"), f"{_rate(done or 0.0)} done/s"]
        return "   ".join((*many, f"{grouped(round(calls))} API calls/h"))

    def why(self, worker: str) -> str:
        """Return what is wrong with a worker, or with the first of all that has something; nothing if all is well."""
        for look in self.of(worker):
            for reason in (*look.worker["not_alive"], *look.worker["not_ready"]):
                return printable(f"worker {look.worker['pid']}: {reason}")
        silent = [look for look in self.of(worker) if not look.answers]
        return f"worker {silent[0].worker['pid']} does not answer: this is from its status file" if silent else ""

    def workers(self) -> Iterator[Row]:
        """Yield a row for all workers together, and one for each."""
        if len(self.looks) > 1:
            held = sum(route["held"] for look in self.looks for route in look.worker["routes"])
            yield Row(ALL, {"worker": "all", "held": grouped(held), "rate": _rate(_latest(self._rates(self.looks)))})
        for look in self.looks:
            worker = look.worker
            well = worker["alive"] and worker["ready"]
            said = "READY" if well else "NOT READY" if worker["alive"] else "NOT ALIVE"
            blocked = worker["blocked"] > 1
            cells = {
                "worker": printable(f"{worker['pid']} {worker['worker']}".rstrip()),
                "state": f"{said} {worker['state']}",
                "up": duration(worker["up"]),
                "loop": f"blocked {duration(worker['blocked'])}" if blocked else milliseconds(worker["latency"]),
                "beat": f"{worker['heartbeat']:.1f} s",
                "held": grouped(sum(route["held"] for route in worker["routes"])),
                "rate": _rate(_latest(self._rates([look]))),
            }
            yield Row(look.key, cells, "good" if well else "doubtful" if worker["alive"] else "bad")

    def routes(self, worker: str, bars: int) -> Iterator[Row]:
        """Yield a row for each route, over one worker or all of them, with a line of so many bars."""
        looks = self.of(worker)
        for name in sorted({route["name"] for look in looks for route in look.worker["routes"]}):
            here = [route for look in looks for route in look.worker["routes"] if route["name"] == name]
            rates = self._rates(looks, name)
            paused = sum(route["paused"] for route in here)
            trouble = next((route["trouble"] for route in here if route["trouble"]), "")
            mark = "" if not paused else "paused " if paused == len(here) else f"paused in {paused} "
            cells = {
                "route": printable(f"{mark}{name}"),
                "spark": sparkline(rates, bars),
                "rate": _rate(_latest(rates)),
                **_numbers(here),
                "source": printable(here[0]["source"]),
                "trouble": printable(trouble),
            }
            yield Row(name, cells, "bad" if trouble else "doubtful" if paused else "")

    def held(self, worker: str) -> Iterator[Row]:
        """Yield a row for each message that is held, what handlers have had for longest first."""
        found = [(look, each) for look in self.of(worker) for each in look.held]
        found.sort(key=lambda pair: (pair[1]["handled"] is None, -(pair[1]["handled"] or pair[1]["age"])))
        for look, each in found[:MOST_HELD]:
            handled = each["handled"]
            cells = {
                "id": printable(each["id"]),
                "route": printable(each["route"]),
                "worker": str(look.worker["pid"]),
                "what": f"runs {duration(handled)}" if handled is not None else each["what"],
                "age": duration(each["age"]),
                "attempt": str(each["attempt"]),
                "left": duration(max(0.0, each["lease_left"])),
            }
            late = each["lease_left"] <= 0
            yield Row(f"{look.key}/{each['id']}", cells, "bad" if late else "")

    def _rates(self, looks: Sequence[Look], route: str | None = None) -> list[float]:
        keys = {look.key for look in looks if look.answers or look.worker["alive"]}  # others have fallen silent
        found = [meter for (key, name), meter in self._done.items() if key in keys and route in (None, name)]
        return summed(list(meter.rates) for meter in found)


def _numbers(here: Sequence[Document]) -> dict[str, str]:
    """Return what several workers say of one route, in one: of what cannot be added up, the highest."""
    counts = [route["counts"] for route in here]
    oldest = max((route["oldest"]["seconds"] for route in here if route["oldest"]), default=None)
    p50, p99 = (max((route[p] for route in here if route[p] is not None), default=None) for p in ("p50", "p99"))
    failed = sum(count.get("failed", 0) + count.get("untranslated", 0) for count in counts)
    return {
        "jobs": f"{sum(route['jobs'] for route in here)}/{sum(route['limit'] for route in here)}",
        "held": grouped(sum(route["held"] for route in here)),
        "oldest": "" if oldest is None else duration(oldest),
        "failed": grouped(failed),
        "rejected": grouped(sum(count.get("rejected", 0) for count in counts)),
        "p50": "" if p50 is None else milliseconds(p50),
        "p99": "" if p99 is None else milliseconds(p99),
    }


def _latest(rates: Sequence[float]) -> float | None:
    return rates[-1] if rates else None


def _rate(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.1f}" if rate < 100 else grouped(round(rate))  # noqa: PLR2004 - three digits


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
