"""What `loafer replay` reads: message bodies as JSON lines, the output of `aws sqs receive-message`, a Lambda event."""

import base64
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO, TypeAlias

import attrs

from loafer.application.delivery import Delivery
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.entrypoints.mistakes import Mistake, Mistakes
from loafer.entrypoints.settings import Settings
from loafer.entrypoints.strict_json import decode, is_json
from loafer.entrypoints.trial import Sample, Trial

_FORMATS = "give JSON lines, the output of `aws sqs receive-message`, or a Lambda SQS event"

Spelling: TypeAlias = Callable[[str], str]
"""How a format spells the names of SQS: `MessageId` as it is, or as `messageId`."""


SOURCE = "memory://replay"


@attrs.define
class Summary:
    """What came of a replay.

    Attributes:
        outcomes: How many messages ended in each outcome.
        complete: False if something stopped the replay before the last message.

    """

    outcomes: Counter[Outcome] = attrs.field(factory=Counter)
    complete: bool = False

    @property
    def kept(self) -> int:
        """Count the messages that would stay on their queue."""
        return sum(number for outcome, number in self.outcomes.items() if not outcome.acknowledged)

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
        error = delivery.error
        why = "" if error is None else " ".join(f"  {type(error).__name__}: {error}".split())
        report(f"{delivery.message.id}  {delivery.outcome.value}{why and '  '}{why}")

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


def read_messages(text: str) -> list[Sample]:
    """Return the messages of a replay file's content, at least one; where it gives no id, `line 3` is one.

    Raises:
        ValueError: it is none of the three formats, or empty; the text names the line.

    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise ValueError(f"line 1: empty; {_FORMATS}")
    match _document(text):
        case {"Messages": [*entries]}:
            return _read_entries("Messages", entries, str)
        case {"Records": [*entries]} if not entries or any(map(_is_from_sqs, entries)):
            return _read_entries("Records", entries, _camel)
    return _read_lines(text)


def _document(text: str) -> object:
    """Return the whole text as JSON; None if its first line is JSON by itself.

    Raises:
        ValueError: neither is JSON.

    """
    try:
        return decode(text)
    except ValueError as error:
        first, *_ = text.strip().split("\n", 1)
        if is_json(first):
            return None
        line = getattr(error, "lineno", 1)
        raise ValueError(f"line {line}: {error}; {_FORMATS}") from error


def _read_lines(text: str) -> list[Sample]:
    messages = []
    # Not splitlines(): a JSON string may hold U+2028 and its like as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        body = line.removesuffix("\r")
        if not body.strip():
            continue
        if not is_json(body):
            raise ValueError(f"line {number}: not JSON; {_FORMATS}")
        messages.append(Sample(f"line {number}", OutgoingMessage(body)))
    return messages


def _read_entries(name: str, entries: list[Any], spelling: Spelling) -> list[Sample]:
    if not entries:
        raise ValueError(f"line 1: {name} is empty; {_FORMATS}")
    return [_read_entry(f"{name}[{place}]", entry, spelling) for place, entry in enumerate(entries)]


def _read_entry(place: str, entry: object, spelling: Spelling) -> Sample:
    if not isinstance(entry, dict) or not isinstance(body := entry.get(spelling("Body")), str):
        raise ValueError(f"line 1: {place} has no {spelling('Body')} that is a string; {_FORMATS}")
    system = entry.get(spelling("Attributes")) or {}
    own = entry.get(spelling("MessageAttributes")) or {}
    try:
        message = OutgoingMessage(
            body,
            attributes={name: _attribute(value, spelling) for name, value in own.items()},
            group=system.get("MessageGroupId"),
            deduplication_id=system.get("MessageDeduplicationId"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"line 1: the attributes of {place} are not those of an SQS message; {_FORMATS}") from error
    return Sample(str(entry.get(spelling("MessageId"), place)), message)


def _attribute(written: Mapping[str, Any], spelling: Spelling) -> Attribute:
    data_type: str = written[spelling("DataType")]
    if data_type.startswith("Binary"):
        return Attribute(base64.b64decode(written[spelling("BinaryValue")], validate=True), data_type)
    return Attribute(str(written[spelling("StringValue")]), data_type)


def _is_from_sqs(record: object) -> bool:
    """Return whether a record came from SQS: the events of S3 are lists of records too, and common as bodies."""
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]
