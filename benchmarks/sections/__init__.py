"""What is measured, in this order; each takes a bench and returns its rows and notes."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from benchmarks.bench import Bench
from benchmarks.sections import (
    command_line,
    dispatcher,
    distance,
    fifo,
    growth,
    idle,
    latency,
    memory,
    observed,
    processes,
    publishing,
    sizes,
    threads,
    throughput,
    typed,
)

SECTIONS: Mapping[str, Callable[[Bench], dict[str, Any]]] = MappingProxyType(
    {
        "distance": distance.run,
        "throughput": throughput.run,
        "threads": threads.run,
        "typed": typed.run,
        "observed": observed.run,
        "fifo": fifo.run,
        "sizes": sizes.run,
        "publishing": publishing.run,
        "idle": idle.run,
        "dispatcher": dispatcher.run,
        "processes": processes.run,
        "latency": latency.run,
        "memory": memory.run,
        "command_line": command_line.run,
        "routes": growth.routes,
        "waiting": growth.waiting,
        "prefetch": growth.prefetch,
    }
)
