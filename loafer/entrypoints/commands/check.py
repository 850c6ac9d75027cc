"""What `loafer check` does: it looks at a set-up, and says what would be right."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import click

from loafer.application.survey import Survey
from loafer.domain.checks.finding import Finding, Level
from loafer.domain.uses import Uses
from loafer.entrypoints.commands.looked_at import looked_at, reading
from loafer.entrypoints.commands.screen import Toned, hung, in_room, in_sentences, sentence, toned
from loafer.entrypoints.commands.status import found_workers, paths_set
from loafer.entrypoints.worker.ending import FAILED

TONES = {Level.OK: "good", Level.WARN: "doubtful", Level.ERROR: "bad", Level.UNKNOWN: "unknown"}
Found = Mapping[str, Sequence[Finding]]


@attrs.frozen
class Asked:
    """What was asked for.

    Attributes:
        probes: Whether calls that could do no harm are made, to see whether they are allowed.
        stop_timeout: Seconds that the platform gives a stop; None: nobody says.
        as_json: Whether it is printed as JSON.

    """

    probes: bool = False
    stop_timeout: float | None = None
    as_json: bool = False


def show_check(context: click.Context, named: str | None, options: dict[str, Any], asked: Asked) -> int:
    """Print what was found, and return the exit status: 1 with an ERROR among it.

    Raises:
        ConfigurationError: something is wrong with the settings or the application; all of it is said.

    """
    uses = looked_at(context, named, options)
    found = surveyed(uses, asked)
    if asked.as_json:
        click.echo(json.dumps(document_of(found)))
    else:
        click.echo("\n".join(lines_of(found, in_sentences())))
    return FAILED if counted(found)[Level.ERROR] else 0


def surveyed(uses: Uses, asked: Asked) -> Found:
    """Return what is found of these uses."""
    workers = found_workers(paths_set(), time.time())
    routes = [route for worker in workers for route in worker["routes"] if route["p99"] is not None]
    p99 = {
        route["source"]: max(each["p99"] for each in routes if each["source"] == route["source"]) for route in routes
    }
    return reading(
        lambda reader: Survey(reader=reader, probes=asked.probes, stop_timeout=asked.stop_timeout, p99=p99).findings(
            uses
        )
    )


def counted(found: Found) -> dict[Level, int]:
    """Return how many findings there are of each level."""
    levels = [each.level for findings in found.values() for each in findings]
    return {level: levels.count(level) for level in Level}


def document_of(found: Found) -> dict[str, Any]:
    """Return what was found as JSON has it."""
    findings = [
        {"of": of, "level": str(each.level), "about": each.about, "text": each.text}
        for of, findings in found.items()
        for each in findings
    ]
    return {"findings": findings, "errors": counted(found)[Level.ERROR], "warnings": counted(found)[Level.WARN]}


def lines_of(found: Found, width: int) -> Iterator[str]:
    """Yield what was found, a block for each thing that it was found of, in lines of this width."""
    column = min(20, max((len(each.about) for findings in found.values() for each in findings), default=0))
    for of, findings in found.items():
        yield sentence(of, "strong")
        rows = [
            (Toned(f"{each.level:<5}", TONES[each.level]), f"{in_room(each.about, column):<{column}} ", each.text)
            for each in findings
        ]
        yield hung(rows, width, gap=1)
    numbers = counted(found)
    errors, warnings = numbers[Level.ERROR], numbers[Level.WARN]
    said = f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
    yield toned(said, "bad" if errors else "doubtful" if warnings else "good")
