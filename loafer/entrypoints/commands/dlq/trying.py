"""What `loafer dlq try` does: today's code on the messages of a snapshot, whose verdicts a filter can ask for."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import attrs
import click

from loafer.adapters.aws.saved import Sample
from loafer.application.delivery import Delivery
from loafer.domain.failure import without_reason
from loafer.domain.message import OutgoingMessage
from loafer.domain.shown import printable
from loafer.entrypoints.commands.dlq.facts import origin_of
from loafer.entrypoints.commands.dlq.looking import DONE, UNFINISHED, USAGE, Talk
from loafer.entrypoints.commands.dlq.snapshots import Snapshot
from loafer.entrypoints.commands.dlq.stats import look, snapshot_named
from loafer.entrypoints.commands.dlq.tried import TriedApplication, source_in_memory
from loafer.entrypoints.commands.dlq.words import SUCCEEDS, in_words, verdict
from loafer.entrypoints.commands.trial import Trial
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.applications import Application, load_application
from loafer.exceptions import ConfigurationError
from loafer.ports.inspector import Letter

SOURCE = "memory://try"

Verdicts = dict[str, dict[str, Any]]


@attrs.frozen(kw_only=True)
class Code:
    """What is tried.

    Attributes:
        app: The name of an application; None: a handler.
        handler: The full name of a handler; None: an application.
        translator: The full name of its translator; None: as for the worker.

    """

    app: str | None = None
    handler: str | None = None
    translator: str | None = None


def try_all(queue: str, code: Code, settings: Settings, *, yes: bool, talk: Talk) -> int:
    """Run today's code on the last snapshot of a queue, keep what came of it there, and return the exit status."""
    if (code.app is None) == (code.handler is None):
        raise ConfigurationError("say what is to be tried: --app MODULE:APP, or --handler NAME")
    snapshot = snapshot_named(queue)
    if snapshot is None:
        snapshot = look(queue, talk.tell).snapshot
    else:
        talk.tell(f"on the snapshot of {in_words(time.time() - snapshot.at)} ago; `loafer dlq stats` takes another")
    count = sum(1 for _ in snapshot.letters())
    if not yes and not _agreed(count, talk):
        return USAGE
    verdicts = Verdicts()
    with redirect_stdout(sys.stderr):  # what the code prints is no result
        trial = _trial(snapshot, code, settings, verdicts)
        tried = sum(map(len, trial.samples.values()))
        complete = not tried or _ran(trial, talk)
    snapshot.with_tries(verdicts)
    _tell(snapshot, verdicts, count - tried, complete=complete, talk=talk)
    return DONE if complete else UNFINISHED


def _ran(trial: Trial, talk: Talk) -> bool:
    """Run it, and tell whether to its end; what the code raises to end the process ends the try."""
    try:
        return trial.run()
    except Exception:
        raise
    except BaseException as error:  # noqa: BLE001 - it is a handler's, and would end a worker
        talk.tell(f"stopped: the code raised {printable(type(error).__name__)}, which ends a worker")
        return False


def _agreed(count: int, talk: Talk) -> bool:
    """Ask whether today's code may run: what it does, it does."""
    talk.tell(f"{count} messages are given to today's code. What the application publishes stays in memory; whatever")
    talk.tell("else its handlers and its lifespan do (databases, calls, files), they really do.")
    if not sys.stdin.isatty():
        talk.tell("nobody can be asked here: --yes agrees")
        return False
    return click.confirm("Go on?", err=True)


def _trial(snapshot: Snapshot, code: Code, settings: Settings, verdicts: Verdicts) -> Trial:
    mistakes = Mistakes()

    def observe(delivery: Delivery) -> None:
        error = None if delivery.outcome.acknowledged else _name_of(delivery)
        verdicts[delivery.message.id] = {"ok": delivery.outcome.acknowledged, "error": error}

    settings = attrs.evolve(settings, explain_dead_letters=False, processes=1)
    if code.app is None:
        names = {"handler": code.handler, "translator": code.translator}
        given: dict[str, Any] = {name: value for name, value in names.items() if value is not None}
        origins = {**settings.routes[0].origins, **{name: f"option --{name}" for name in given}}
        route = attrs.evolve(settings.routes[0], source=SOURCE, retry=None, origins=origins, **given)
        all_of_it = {SOURCE: [_sample(letter) for letter in snapshot.letters()]}
        return Trial(attrs.evolve(settings, routes=(route,)), all_of_it, observe, mistakes, unfinished=UNFINISHED)
    application = load_application(code.app, mistakes)
    mistakes.raise_if_any()
    assert application is not None  # noqa: S101 - else there was a mistake
    settings = attrs.evolve(settings, routes=(), application=code.app)
    samples = dict(_by_source(snapshot, application))
    return Trial(settings, samples, observe, mistakes, TriedApplication(application), UNFINISHED)


def _name_of(delivery: Delivery) -> str:
    return delivery.outcome.value if delivery.error is None else printable(type(delivery.error).__name__)


def _by_source(snapshot: Snapshot, application: Application) -> Iterator[tuple[str, list[Sample]]]:
    """Yield the letters for each queue that the application receives from; each goes where it came from."""
    routes = {route.queue: source_in_memory(route) for route in application.routes()}
    only = next(iter(routes)) if len(routes) == 1 else None
    known = snapshot.sources if snapshot.sources is not None and len(snapshot.sources) == 1 else ()
    samples: dict[str, list[Sample]] = {}
    for letter in snapshot.letters():
        queue = next((name for name in (origin_of(letter), *known) if name in routes), only)
        if queue is not None:
            samples.setdefault(routes[queue], []).append(_sample(letter))
    yield from samples.items()


def _sample(letter: Letter) -> Sample:
    message = letter.message
    return Sample(message.id, OutgoingMessage(message.body, without_reason(message.attributes), group=message.group))


def _tell(snapshot: Snapshot, verdicts: Verdicts, untried: int, *, complete: bool, talk: Talk) -> None:
    errors = Counter(verdict["error"] for verdict in verdicts.values() if not verdict["ok"])
    succeeded = sum(bool(verdict["ok"]) for verdict in verdicts.values())
    if talk.as_json:
        values = {"would_succeed": succeeded, "still": dict(errors), "not_tried": untried, "complete": complete}
        talk.echo(json.dumps({**values, "snapshot": str(snapshot.path)}))
        return
    still = [verdict(count, f"still {error}") for error, count in errors.most_common()]
    parts = [verdict(succeeded, SUCCEEDS), *still]
    if untried:
        parts.append(f"{untried} of queues that the application does not receive from")
    if not complete:
        parts.append("it was stopped, and the rest not tried")
    talk.echo(" · ".join(parts))
    if succeeded:
        talk.echo(f"next: loafer dlq redrive {snapshot.state.name} --where 'tried.ok'")
