"""Handlers that ask for content of a type, and one that takes a hundred messages a call."""

from functools import partial
from typing import Any

from benchmarks.bench import QUEUE, Bench
from benchmarks.consumers import FANFERRO, OURS, PROGRAMS

KINDS = ("untyped", "dataclass", "attrs", "msgspec", "pydantic")
PROGRAM = {OURS: "typed_loafer.py", FANFERRO: "typed_fanferro.py"}
HOW = (
    "Each message has a number and a text, and becomes an instance that has both. Fanferro has no handlers of batches."
)


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a consumer and kind of type."""
    cases = {}
    for kind in (*KINDS, "batches"):
        for label, program in PROGRAM.items():
            consumer = bench.consumer(label)
            if consumer is not None and (label == OURS or kind != "batches"):
                command = [str(consumer.bin / "python"), str(PROGRAMS / program), QUEUE, kind]
                row = "batches of 100" if kind == "batches" else kind
                cases[f"{label}, {row}"] = partial(bench.steady, consumer, command)
    return {"rows": bench.interleaved(cases), "notes": [HOW]}
