"""Handlers that ask for content of a type, one that takes a hundred messages a call, and one that publishes."""

from functools import partial
from typing import Any

from benchmarks.bench import QUEUE, Bench
from benchmarks.consumers import FANFERRO, OURS, PROGRAMS

KINDS = ("untyped", "dataclass", "attrs", "msgspec", "pydantic")
ROWS = {"batches": "batches of 100", "publishing": "publishing each"}
PROGRAM = {OURS: "typed_loafer.py", FANFERRO: "typed_fanferro.py"}
HOW = (
    "Each message has a number and a text, and becomes an instance that has both. Fanferro has no handlers of batches. "
    "Who publishes sends what it is given on to another queue, and waits for that: a call a message, but where those "
    "that are published at the same time share one."
)


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a consumer and kind of type."""

    def fill(messages: int) -> None:
        bench.endpoint.fill(QUEUE, messages)
        bench.endpoint.fill(f"{QUEUE}-receipts", 1)

    cases = {}
    for kind in (*KINDS, *ROWS):
        for label, program in PROGRAM.items():
            consumer = bench.consumer(label)
            if consumer is not None and (label == OURS or kind != "batches"):
                command = [str(consumer.bin / "python"), str(PROGRAMS / program), QUEUE, kind]
                cases[f"{label}, {ROWS.get(kind, kind)}"] = partial(bench.steady, consumer, command, fill)
    return {"rows": bench.interleaved(cases), "notes": [HOW]}
