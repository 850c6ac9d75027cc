"""The rules for a queue and its dead-letter queue."""

from collections.abc import Iterator

from loafer.domain.checks.finding import Finding, Level, lasting
from loafer.domain.facts import QueueFacts

LONGEST_RETENTION = 14 * 86_400
"""Seconds that SQS keeps a message at most."""

SHORT_RETENTION = 86_400
"""Seconds below which an outage of a night loses messages."""

SHORT_VISIBILITY, LONG_VISIBILITY = 10, 15 * 60
"""Seconds of a visibility timeout that a pause of the machine outlasts, and that a crash makes people wait for."""


def of_queue(queue: QueueFacts) -> Iterator[Finding]:
    """Yield what is found of a queue by itself."""
    yield Finding(Level.OK, queue.name, ", ".join(_described(queue)))
    if not queue.known:
        text = "sqs:GetQueueAttributes is denied: the worker assumes 30 s of visibility and no redrive policy; allow it"
        yield Finding(Level.ERROR, "permissions", text)
        return
    if queue.retention is not None and queue.retention < SHORT_RETENTION:
        text = f"{lasting(queue.retention)}: what waits for longer, as in an outage, is lost; use 4 d or more"
        yield Finding(Level.WARN, "retention", text)
    if queue.fifo:
        yield _throughput(queue)


def _described(queue: QueueFacts) -> Iterator[str]:
    yield "FIFO" if queue.fifo else "standard"
    if not queue.known:
        return
    if queue.visibility_timeout is not None:
        yield f"VT {lasting(queue.visibility_timeout)}"
    if queue.key:
        yield f"SSE-KMS {queue.key}"
    elif queue.managed_key:
        yield "SSE-SQS"
    yield f"{queue.visible} waiting"
    if queue.in_flight:
        yield f"{queue.in_flight} in flight"
    if queue.delayed:
        yield f"{queue.delayed} delayed"


def _throughput(queue: QueueFacts) -> Finding:
    scope, limit = queue.deduplication_scope or "queue", queue.throughput_limit or "perQueue"
    text = f"DeduplicationScope={scope}, FifoThroughputLimit={limit}: "
    if (scope, limit) == ("messageGroup", "perMessageGroupId"):
        return Finding(Level.OK, "throughput", f"{text}high")
    if (scope, limit) == ("queue", "perQueue"):
        return Finding(Level.OK, "throughput", f"{text}300 calls a second of each kind")
    right = "still 300 calls a second; high throughput needs messageGroup and perMessageGroupId, both"
    return Finding(Level.WARN, "throughput", text + right)


def of_visibility(seconds: int) -> Iterator[Finding]:
    """Yield what is found of the visibility timeout that receives ask for."""
    about = "visibility"
    if seconds < SHORT_VISIBILITY:
        text = f"{lasting(seconds)}: a pause as long as that, of a machine or a network, loses messages; use 30 s"
        yield Finding(Level.WARN, about, text)
    elif seconds > LONG_VISIBILITY:
        text = f"{lasting(seconds)}: what a crashed worker had comes back only then; loafer extends it, so use 30 s"
        yield Finding(Level.WARN, about, text)
    else:
        yield Finding(Level.OK, about, f"{lasting(seconds)}, extended while handlers run")


def of_redrive(queue: QueueFacts, dead: QueueFacts | None, missing: str | None, moves: int | None) -> Iterator[Finding]:
    """Yield what is found of a redrive policy.

    Args:
        queue: The queue, whose attributes are known.
        dead: Its dead-letter queue; None: there is none, or it could not be read.
        missing: Why it could not be read.
        moves: After how many attempts a worker moves a message there itself; None: never.

    """
    about = "redrive policy"
    attempts = queue.max_receive_count
    if queue.dead_letters is None or attempts is None:
        yield Finding(Level.ERROR, about, _without_policy(queue, moves))
        return
    name = queue.dead_letters.rpartition(":")[2]
    wrong = list(_wrong_with(queue, name, dead, missing))
    yield from (Finding(Level.ERROR, about, text) for text in wrong)
    if not wrong:
        yield Finding(Level.OK, about, f"to {name} after {attempts} receives")
    yield from _of_attempts(attempts, moves)
    if dead is not None and dead.known:
        yield from _of_retention(queue, dead)
        if dead.visible:
            yield Finding(Level.WARN, name, f"{dead.visible} dead letters wait; loafer dlq stats {name}")


def _without_policy(queue: QueueFacts, moves: int | None) -> str:
    if moves is not None:
        return f"none, and Retry(dead_letter_after={moves}) needs one: the worker does not start"
    kept = "its retention ends" if queue.retention is None else f"its retention ends ({lasting(queue.retention)})"
    group = ", and its group waits behind it" if queue.fifo else ""
    return f"none: a message that always fails comes back until {kept}{group}; set one, with a dead-letter queue"


def _wrong_with(queue: QueueFacts, name: str, dead: QueueFacts | None, missing: str | None) -> Iterator[str]:
    if missing is not None:
        yield f"to {name}, and that cannot be read: {missing}"
    elif queue.fifo != name.endswith(".fifo"):
        yield f"to {name}: the dead-letter queue of a FIFO queue is FIFO, and of a standard queue standard"
    elif dead is not None and dead.takes_from is not None and queue.arn not in dead.takes_from:
        yield f"to {name}, whose redrive allow policy does not let {queue.name} in; add its ARN"


def _of_attempts(attempts: int, moves: int | None) -> Iterator[Finding]:
    about = "maxReceiveCount"
    if attempts == 1:
        yield Finding(Level.WARN, about, "1: one crash dead-letters, and nothing is prefetched; use 3 or more")
    if moves is not None and moves > attempts:
        text = f"{attempts}: SQS moves a message before Retry(dead_letter_after={moves}) does; use {moves + 2} or more"
        yield Finding(Level.WARN, about, text)
    elif attempts > 1:
        yield Finding(Level.OK, about, str(attempts))


def _of_retention(queue: QueueFacts, dead: QueueFacts) -> Iterator[Finding]:
    """A standard dead-letter queue keeps the time of the first enqueuing; a FIFO one counts anew."""
    if queue.retention is None or dead.retention is None:
        return
    both = f"{queue.name} {lasting(queue.retention)}, {dead.name} {lasting(dead.retention)}"
    if queue.fifo or dead.retention > queue.retention:
        yield Finding(Level.OK, "retention", both)
        return
    late = queue.retention * 3 // 4
    left = lasting(max(0, dead.retention - late))
    text = f"a message that dies after {lasting(late)} has {left} left (the time counts from its first enqueuing)"
    right = "use 14 d" if queue.retention < LONGEST_RETENTION else "use less on the queue, 4 d, and 14 d there"
    yield Finding(Level.ERROR, "retention", f"{both}: {text}; {right} for the dead-letter queue")
