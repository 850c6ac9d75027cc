"""What `loafer demo` does: messages that end in every way there is, without network and without AWS."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence

import attrs

from loafer.adapters.aws.saved import Sample
from loafer.application.delivery import Delivery
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import OutgoingMessage
from loafer.entrypoints.commands.display import reason_of
from loafer.entrypoints.commands.trial import Trial
from loafer.entrypoints.settings.table import RouteSettings, Settings

COROUTINES, THREADS = "memory://demo-coroutines", "memory://demo-threads"


@attrs.frozen
class Kind:
    """A kind of demo message: what happens to it, the source it goes to, and its body."""

    name: str
    source: str
    body: str


KINDS = (
    Kind("a coroutine returns", COROUTINES, json.dumps({"do": "return"})),
    Kind("a function in a thread returns", THREADS, json.dumps({"do": "return"})),
    Kind("the handler raises RejectMessage", COROUTINES, json.dumps({"do": "reject"})),
    Kind("the handler raises IgnoreMessage", COROUTINES, json.dumps({"do": "ignore"})),
    Kind("the handler raises another error", COROUTINES, json.dumps({"do": "fail"})),
    Kind("the body cannot be translated", COROUTINES, "this is not JSON"),
)


@attrs.define
class Report:
    """What came of the demo's messages.

    Attributes:
        names: What the rows are about: kinds of messages, or outcomes where the handler is not the demo's.
        ended: How often a message of each of them ended in each outcome.
        reasons: The error of the first message in each outcome, where the handler is not the demo's.
        seconds: How long it took.
        complete: False if something stopped the demo before the last message.

    """

    names: Sequence[str]
    ended: Counter[tuple[str, Outcome]] = attrs.field(factory=Counter)
    reasons: dict[Outcome, str] = attrs.field(factory=dict)
    seconds: float = 0.0
    complete: bool = False

    @property
    def delivered(self) -> int:
        """Count the messages."""
        return self.ended.total()

    def rows(self) -> Sequence[tuple[str, int, int, int]]:
        """Return a row a name: the name, how many were delivered, acknowledged, kept."""
        rows = []
        for row in self.names:
            ended = {outcome: number for (name, outcome), number in self.ended.items() if name == row}
            acknowledged = sum(number for outcome, number in ended.items() if outcome.acknowledged)
            delivered = sum(ended.values())
            rows.append((row, delivered, acknowledged, delivered - acknowledged))
        return rows


def run_demo(settings: Settings, messages: int, handler: str | None, progress: Callable[[], None]) -> Report:
    """Run the demo and return what came of it; calls `progress` once a message.

    A handler of one's own, by its dotted name, gets all messages instead of the demo's handlers.

    Raises:
        ConfigurationError: the handler cannot be loaded.

    """
    report = Report([outcome.value for outcome in Outcome] if handler else [kind.name for kind in KINDS])

    def observe(delivery: Delivery) -> None:
        kind = KINDS[int(delivery.message.id) % len(KINDS)]
        report.ended[delivery.outcome.value if handler else kind.name, delivery.outcome] += 1
        if handler and delivery.error is not None and delivery.outcome not in report.reasons:
            report.reasons[delivery.outcome] = reason_of(delivery.error)
        progress()

    numbers = range(messages)
    samples = {
        source: [
            Sample(str(number), OutgoingMessage(kind.body))
            for number in numbers
            if (kind := KINDS[number % len(KINDS)]).source == source
        ]
        for source in (COROUTINES, THREADS)
    }
    own = attrs.evolve(settings, routes=_routes(handler), sns_topics=None, sns_verify=False)
    trial = Trial(own, samples, observe)
    began = time.perf_counter()
    report.complete = trial.run()
    report.seconds = time.perf_counter() - began
    return report


def _routes(handler: str | None) -> tuple[RouteSettings, ...]:
    handlers = {COROUTINES: "loafer.example.demo.coroutine", THREADS: "loafer.example.demo.function"}
    origins = {"handler": "option --handler"} if handler else {}
    return tuple(
        RouteSettings(name=source.rpartition("/")[2], source=source, handler=handler or default, origins=origins)
        for source, default in handlers.items()
    )
