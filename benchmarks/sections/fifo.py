"""FIFO queues: with few groups and with many, with defaults and with what makes each consumer fastest."""

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from benchmarks.bench import QUEUE, Bench
from benchmarks.consumers import FANFERRO, OURS

if TYPE_CHECKING:
    from benchmarks.figures import Case

FIFO = f"{QUEUE}.fifo"

HOW = (
    "Messages are dealt to the groups in turn. Of a group one message runs at a time, and SQS gives nothing of it to "
    "anybody meanwhile. Defaults are 10 handlers at once; else there are 50, and 50 messages ahead (fanferro: 100)."
)


def run(bench: Bench) -> dict[str, Any]:
    """Return a row a consumer and number of groups."""
    cases: dict[str, Case] = {}
    for groups in bench.plan.groups:
        fill = partial(bench.endpoint.fill, FIFO, groups=groups)
        for label, program, more in (
            (OURS, "run_app.py", ""),
            (FANFERRO, "run_fanferro.py", "defaults"),
            (OURS, None, ""),
            (FANFERRO, "run_fanferro.py", ""),
        ):
            found = bench.consumer(label)
            if found is not None:
                command = attrs.evolve(found, program=program).command(FIFO, "idle", *filter(None, [more]))
                what = ", defaults" if more or program == "run_app.py" else ""
                cases[f"{label}, {groups} groups{what}"] = partial(bench.steady, found, command, fill, kind=str(groups))
    return {"rows": bench.interleaved(cases), "notes": [HOW]}
