"""How many messages a second there are where each call takes its time, as it does to AWS: with defaults, and tuned."""

from functools import partial
from typing import Any

import attrs

from benchmarks.bench import QUEUE, Bench
from benchmarks.consumers import BARE, FANFERRO, OURS
from benchmarks.figures import Case, Figures
from benchmarks.sections.watching import watched

WAITING = 5_000
"""Messages on the queue, which refills itself: more than anybody has on the way."""

SETTLED = 3.0
"""Seconds after the first message until it is as quick as it will be."""

SHOWN_FIRST = "20 ms: "
"""How the rows begin that the README shows."""

HOW = (
    "A call takes so many milliseconds on average, and at most twice as many. Loafer with its defaults is an "
    "application in code whose route names its queue and nothing else: 10 handlers at once, and ahead of them as "
    "many messages as are found to be needed. With a handler of 10 ms, 50 at once can do 5 000 messages a second, "
    "less where others use the cores too."
)
OUR_DEFAULTS, THEIR_DEFAULTS = "loafer, defaults", "fanferro, defaults"
THEIR_TUNED = "fanferro, 50 handlers, 100 ahead, 8 pollers"
SLEEPING, THEIR_SLEEPING = "loafer, 50 handlers of 10 ms", "fanferro, the same, 100 ahead, 8 pollers"


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a distance and consumer."""
    cases: dict[str, Case] = {}
    for milliseconds in bench.plan.distances:
        for label, (consumer, program, *arguments) in _consumers().items():
            found = bench.consumer(consumer)
            if found is not None:
                case = partial(once, bench, attrs.evolve(found, program=program), arguments, milliseconds)
                cases[f"{milliseconds} ms: {label}"] = case
    return {"rows": bench.interleaved(cases), "notes": [HOW]}


def _consumers() -> dict[str, tuple[str, ...]]:
    """Return whose row, its program, and what the program gets after the queue."""
    return {
        OUR_DEFAULTS: (OURS, "run_app.py", "idle"),
        THEIR_DEFAULTS: (FANFERRO, "run_fanferro.py", "idle", "defaults"),
        THEIR_TUNED: (FANFERRO, "run_fanferro.py", "idle"),
        "bare aiobotocore, 4 loops": (BARE, "run_bare.py", "idle"),
        SLEEPING: (OURS, "run_app.py", "sleeping", "50"),
        THEIR_SLEEPING: (FANFERRO, "run_fanferro.py", "sleeping"),
    }


def once(bench: Bench, consumer: Any, arguments: list[str], milliseconds: int) -> Figures:
    """Return messages a second and calls a message where a call takes so long."""
    bench.endpoint.reset()
    bench.endpoint.fill(QUEUE, WAITING, refill=True)
    bench.endpoint.lag(milliseconds / 1000)
    return watched(bench, consumer, consumer.command(QUEUE, *arguments), SETTLED)
