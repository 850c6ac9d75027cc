"""How much is measured: the whole, and a short form that only shows that everything works."""

import attrs


@attrs.frozen
class Plan:
    """How often and how long.

    Attributes:
        rounds: How often each consumer is run; rounds are interleaved.
        seconds: How long a run takes, about.
        messages: Messages a run; None: as many as fit into `seconds`.
        latency_seconds: How long messages are published for the latency.
        memory: After how many messages the memory is read.
        starts: How often each command line is started.
        dispatched: Messages for the dispatcher alone.
        routes: Numbers of routes.
        groups: Numbers of groups of a FIFO queue.
        sizes: Bytes of a body.
        published: Messages that are published; five times of it in batches.
        idle_seconds: How long a consumer is watched that has nothing to do.
        waiting: Numbers of waiting messages.
        prefetch: Sizes of the waiting room.
        distances: Milliseconds that a call takes.

    """

    rounds: int = 3
    seconds: float = 4.0
    messages: int | None = None
    latency_seconds: float = 10.0
    memory: tuple[int, ...] = (100_000, 1_000_000)
    starts: int = 15
    dispatched: int = 100_000
    routes: tuple[int, ...] = (1, 10, 100, 1_000)
    groups: tuple[int, ...] = (50, 5_000)
    sizes: tuple[int, ...] = (10_240, 262_144)
    published: int = 10_000
    idle_seconds: float = 20.0
    waiting: tuple[int, ...] = (10, 1_000, 100_000)
    prefetch: tuple[int, ...] = (10, 1_000, 100_000)
    distances: tuple[int, ...] = (0, 5, 20, 100)


SHORT = Plan(
    rounds=1,
    seconds=0.3,
    messages=500,
    latency_seconds=0.5,
    memory=(200, 500),
    starts=1,
    dispatched=1_000,
    routes=(1, 5),
    groups=(5,),
    sizes=(10_240,),
    published=100,
    idle_seconds=0.5,
    waiting=(10, 1_000),
    prefetch=(10, 1_000),
    distances=(20,),
)
"""Shows that everything works; its figures say nothing."""
