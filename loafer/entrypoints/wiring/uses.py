"""From what is configured to what that uses of AWS."""

from collections.abc import Iterator, Sequence

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.memory import SCHEME
from loafer.application.dispatcher import Dispatcher
from loafer.application.route import Route
from loafer.domain.facts import Place
from loafer.domain.retry import Retry
from loafer.domain.uses import Destination, Source, Uses
from loafer.entrypoints.wiring.applications import Application


def uses_of(dispatcher: Dispatcher, application: Application | None) -> Uses:
    """Return what the routes of a dispatcher and the publishers of an application use; what is in memory uses none."""
    found = [_use_of(route, dispatcher.options.retry_delay) for route in dispatcher.routes]
    return Uses(
        sources=tuple(use for use in found if isinstance(use, Source)),
        destinations=tuple(_destinations(application)),
        strangers=tuple(use for use in found if isinstance(use, str)),
    )


def _use_of(route: Route, retry: Retry) -> Source | str | None:
    if route.source.startswith(SCHEME):
        return None
    consumer = route.consumer()
    if not isinstance(consumer, SQSConsumer):
        return f"route {route.name!r}: its consumer is {type(consumer).__name__}: what that calls is not known here"
    place = Place(text=consumer.source, region=consumer.region, endpoint=consumer.endpoint, profile=consumer.profile)
    return Source(place=place, route=route.name, moves=_moves(route.branches, retry))


def _moves(branches: Sequence[Route], retry: Retry) -> int | None:
    """Return after how few attempts one of these routes moves a message to the dead-letter queue."""
    said = [(branch.retry or retry).dead_letter_after for branch in branches]
    return min((attempts for attempts in said if attempts is not None), default=None)


def _destinations(application: Application | None) -> Iterator[Destination]:
    for publisher in () if application is None else application.publishers():
        to = publisher.destination
        if not to.name.startswith(SCHEME):
            place = Place(text=to.name, region=to.region, endpoint=to.endpoint, profile=to.profile)
            yield Destination(place=place, topic=to.topic)
