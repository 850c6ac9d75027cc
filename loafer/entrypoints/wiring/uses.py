"""From what is configured to what that uses of AWS."""

from collections.abc import Iterator, Mapping, Sequence

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.memory import SCHEME
from loafer.application.dispatcher import Dispatcher
from loafer.application.route import Route
from loafer.domain.checks.topic import Translating
from loafer.domain.facts import Place
from loafer.domain.retry import Retry
from loafer.domain.uses import Destination, Source, Uses
from loafer.entrypoints.settings.table import RouteSettings, Settings, settings_of
from loafer.entrypoints.wiring.applications import Application
from loafer.entrypoints.wiring.loading import named_by

_TRANSLATOR = str(settings_of(RouteSettings)["translator"].default)


def uses_of(dispatcher: Dispatcher, application: Application | None, settings: Settings) -> Uses:
    """Return what the routes of a dispatcher and the publishers of an application use; what is in memory uses none."""
    translators = _translators(application, settings)
    retry = dispatcher.options.retry_delay
    explains = dispatcher.options.explain_dead_letters
    found = [_use_of(route, retry, translators, explains=explains) for route in dispatcher.routes]
    pools = [route.pool for route in dispatcher.routes if route.pool is not None]
    return Uses(
        sources=tuple(use for use in found if isinstance(use, Source)),
        destinations=tuple(_destinations(application)),
        strangers=tuple(use for use in found if isinstance(use, str)),
        grace_period=dispatcher.options.grace_period,
        threads_needed=_threads_needed(dispatcher),
        threads=pools[0].most if pools else 0,
    )


def _use_of(
    route: Route, retry: Retry, translators: Mapping[str, Translating], *, explains: bool
) -> Source | str | None:
    if route.source.startswith(SCHEME):
        return None
    consumer = route.consumer()
    if not isinstance(consumer, SQSConsumer):
        return f"route {route.name!r}: its consumer is {type(consumer).__name__}: what that calls is not known here"
    place = Place(text=consumer.source, region=consumer.region, endpoint=consumer.endpoint, profile=consumer.profile)
    return Source(
        place=place,
        route=route.name,
        moves=_moves(route.branches, retry),
        explains=explains,
        visibility=consumer.options.get("VisibilityTimeout"),
        translating=translators[consumer.source],
    )


def _moves(branches: Sequence[Route], retry: Retry) -> int | None:
    """Return after how few attempts one of these routes moves a message to the dead-letter queue."""
    said = [(branch.retry or retry).dead_letter_after for branch in branches]
    return min((attempts for attempts in said if attempts is not None), default=None)


def _translators(application: Application | None, settings: Settings) -> Mapping[str, Translating]:
    """Return what is done with envelopes, by source: the routes of one source have one translator."""
    insists = bool(settings.sns_topics or settings.sns_verify)
    registered = () if application is None else application.routes()
    named = {route.source: _TRANSLATOR if route.translator is None else route.translator for route in registered}
    named |= {route.source: route.translator for route in settings.routes}
    return {source: _translating(named_by(translator), insists=insists) for source, translator in named.items()}


def _translating(translator: object, *, insists: bool) -> Translating:
    kind = translator if isinstance(translator, type) else type(translator)
    opens = callable(getattr(kind, "notification", None))
    own = not kind.__module__.startswith("loafer.")
    checks = bool(getattr(translator, "checks", False)) if kind is not translator else insists
    return Translating(name=kind.__name__, opens=opens, insists=opens and checks, own=own)


def _threads_needed(dispatcher: Dispatcher) -> int:
    most = dispatcher.options.max_jobs
    threaded = [route for route in dispatcher.routes if route.pool is not None]
    return min(most, sum(most if route.share.max_jobs is None else route.share.max_jobs for route in threaded))


def _destinations(application: Application | None) -> Iterator[Destination]:
    for publisher in () if application is None else application.publishers():
        to = publisher.destination
        if not to.name.startswith(SCHEME):
            place = Place(text=to.name, region=to.region, endpoint=to.endpoint, profile=to.profile)
            yield Destination(place=place, topic=to.topic)
