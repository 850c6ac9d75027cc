"""Whether a message costs more where there are many routes, many waiting messages, or a large waiting room."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import attrs

from benchmarks.bench import HELD, QUEUE, Bench
from benchmarks.consumers import Consumer
from benchmarks.figures import Case, Figures

WAITING = 1_000
"""Messages on a queue where their number is not what is measured; queues refill themselves."""

HELD_BY_A_ROUTE = 100
"""More than one route receives before any message is handled; until these are gone, less is received than handled."""


OF_ROUTES = (
    "Each route has a waiting room of 50 places, so a hundred of them hold up to 5 050 messages at once. "
    "Python's garbage collector looks through all that is held, which is about half of what a message costs more there."
)


def routes(bench: Bench) -> dict[str, Any]:
    """Return a row a number of routes, a queue each."""
    return {**_measured(bench, "routes", bench.plan.routes, _with_routes), "notes": [OF_ROUTES]}


def waiting(bench: Bench) -> dict[str, Any]:
    """Return a row a number of waiting messages, beside those that the consumer holds."""
    return _measured(bench, "messages waiting", bench.plan.waiting, _with_waiting)


def prefetch(bench: Bench) -> dict[str, Any]:
    """Return a row a size of the waiting room."""
    return _measured(bench, "places in the waiting room", bench.plan.prefetch, _with_prefetch)


def _measured(
    bench: Bench, what: str, numbers: Iterable[int], case: Callable[[Bench, Consumer, int], Figures]
) -> dict[str, Any]:
    consumer = bench.consumer()
    if consumer is None:
        return {"rows": {}}
    cases: dict[str, Case] = {
        f"{what}: {number:,}".replace(",", " "): partial(case, bench, consumer, number) for number in numbers
    }
    return {"rows": bench.interleaved(cases)}


def _with_routes(bench: Bench, consumer: Consumer, number: int) -> Figures:
    program = attrs.evolve(consumer, program="run_routes.py")

    def fill(_: int) -> None:
        for route in range(number):
            bench.endpoint.fill(f"{QUEUE}-{route}", WAITING, refill=True)

    return bench.steady(program, program.command(QUEUE, "idle", str(number)), fill, warm_up=number * HELD_BY_A_ROUTE)


def _with_waiting(bench: Bench, consumer: Consumer, number: int) -> Figures:
    def fill(_: int) -> None:
        bench.endpoint.fill(QUEUE, number + HELD // 2, refill=True)

    return bench.steady(consumer, consumer.command(QUEUE, "idle"), fill)


def _with_prefetch(bench: Bench, consumer: Consumer, number: int) -> Figures:
    def fill(_: int) -> None:
        bench.endpoint.fill(QUEUE, number + WAITING, refill=True)

    return bench.steady(consumer, consumer.command(QUEUE, "idle", "--prefetch", str(number)), fill)
