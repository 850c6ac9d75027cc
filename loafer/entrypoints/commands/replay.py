"""What `loafer replay` does: messages of a file, which `adapters/aws/saved.py` reads, are given to a handler."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import attrs

from loafer.adapters.aws.saved import Sample, read_messages
from loafer.application.delivery import Delivery
from loafer.domain.lifecycle import Outcome
from loafer.domain.shown import printable
from loafer.entrypoints.commands.display import reason_of
from loafer.entrypoints.commands.trial import Trial
from loafer.entrypoints.settings.mistakes import Mistake, Mistakes
from loafer.entrypoints.settings.table import Settings

SOURCE = "memory://replay"


@attrs.define
class Summary:
    """What came of a replay.

    Attributes:
        outcomes: How many messages ended in each outcome.
        messages: Each message's id, outcome and error, as text.
        complete: False if something stopped the replay before the last message.

    """

    outcomes: Counter[Outcome] = attrs.field(factory=Counter)
    messages: list[dict[str, str]] = attrs.field(factory=list)
    complete: bool = False

    @property
    def as_json(self) -> str:
        """All of it, as JSON."""
        outcomes = {outcome.value: number for outcome, number in self.outcomes.items()}
        values = {"messages": self.messages, "outcomes": outcomes, "kept": self.kept, "complete": self.complete}
        return json.dumps(values)

    @property
    def kept(self) -> int:
        """Count the messages that would stay on their queue."""
        return sum(number for outcome, number in self.outcomes.items() if not outcome.acknowledged)

    @property
    def failed(self) -> bool:
        """Whether any handler raised what it should not."""
        return self.outcomes[Outcome.FAILED] > 0

    @property
    def text(self) -> str:
        """One line."""
        parts = ", ".join(f"{number} {outcome.value}" for outcome, number in self.outcomes.items())
        total = self.outcomes.total()
        return f"{total} messages: {parts}; {total - self.kept} would be acknowledged, {self.kept} kept"


def run_replay(
    settings: Settings,
    mistakes: Mistakes,
    file: TextIO,
    names: Mapping[str, Any],
    report: Callable[[str], None],
) -> Summary:
    """Give the messages of a file to a handler, and return what came of them; `report` gets a line for each.

    `names` are the dotted names that were given for `handler` and `translator`; the others are as in the settings.

    Raises:
        ConfigurationError: the file holds no messages, or the handler cannot be loaded.

    """
    summary = Summary()

    def observe(delivery: Delivery) -> None:
        summary.outcomes[delivery.outcome] += 1
        why = reason_of(delivery.error)
        message = {"id": delivery.message.id, "outcome": delivery.outcome.value, "error": why}
        summary.messages.append(message)
        report(printable(f"{delivery.message.id}  {delivery.outcome.value}{why and '  '}{why}"))

    route = attrs.evolve(
        settings.routes[0],
        source=SOURCE,
        origins={**settings.routes[0].origins, **{name: f"option --{name}" for name in names}},
        **names,
    )
    try:
        samples = read_messages(file.read())
    except ValueError as error:  # a body that is not UTF-8 is one too
        mistakes.add(Mistake(file.name, None, "replay file", str(error)))
        samples = []
    trial = Trial(attrs.evolve(settings, routes=(route,)), {SOURCE: _distinct(samples)}, observe, mistakes)
    summary.complete = trial.run()
    return summary


def _distinct(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples with ids that differ: a message may be in a file twice."""
    seen: Counter[str] = Counter()
    distinct = []
    for sample in samples:
        seen[sample.id] += 1
        again = f" ({seen[sample.id]})" if seen[sample.id] > 1 else ""
        distinct.append(attrs.evolve(sample, id=sample.id + again))
    return distinct
