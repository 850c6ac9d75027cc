"""What a world is asked to run: who works, and on which queues."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.options import Options
from loafer.entrypoints.settings.layers import environment_layer, warn_of_unknown_keys
from loafer.entrypoints.settings.load import load_settings, mistake_in
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.wiring.applications import Application, chosen
from loafer.testing.applications import add_places, name_in, settings_in_memory, with_state
from loafer.testing.hiring import Hiring
from loafer.testing.places import Places
from loafer.testing.post import Post
from loafer.testing.worker import Worker


@attrs.frozen
class Order:
    """Something to run.

    Attributes:
        sources: The queues that it receives from.
        hire: Hires its worker.

    """

    sources: Sequence[MemoryQueue]
    hire: Callable[[Hiring], Worker]


def order_of_route(
    places: Places,
    handler: object,
    source: MemoryQueue | str | None,
    translator: object,
    *,
    state: object,
    options: Mapping[str, Any],
) -> Order:
    """Return the order to run one route.

    Raises:
        LookupError: there is no queue of that name.
        TypeError: there is no source, or no such option.
        ValueError: an option cannot be.

    """
    if source is None:
        raise TypeError("run takes the source= of a handler, or an application, which has its own")
    queue = places.found(source)
    if not isinstance(queue, MemoryQueue):
        raise LookupError(f"{queue.name!r} is a topic; run a handler on a queue that is subscribed to it")
    values = Options(**options)

    def hire(hiring: Hiring) -> Worker:
        return partial(
            hiring.for_route, queue=queue, handler=handler, translator=translator, state=state, options=values
        )

    return Order([queue], hire)


def order_of_settings(places: Places, settings: Mapping[str, object]) -> Order:
    """Return the order to run what the LOAFER_ keys say.

    Raises:
        ConfigurationError: something is wrong with the settings, or the source is no queue of the world.

    """
    mistakes = Mistakes()
    layers = [environment_layer({key: str(value) for key, value in settings.items()})]
    warn_of_unknown_keys(layers)
    loaded = load_settings(layers, mistakes)
    for route in loaded.routes:
        wrong = places.mistake_in_source(route.source) if route.source else None
        if wrong is not None:
            mistakes.add(attrs.evolve(mistake_in(route, "source", wrong), origin="test"))
    mistakes.raise_if_any()

    def hire(hiring: Hiring) -> Worker:
        return partial(hiring.for_settings, settings=loaded, mistakes=mistakes, broker=places.broker)

    return Order([places.broker.queue(route.source) for route in loaded.routes if route.whole], hire)


def order_of_application(
    post: Post, application: Application, state: Any, only: Sequence[str], options: Mapping[str, Any]
) -> Order:
    """Return the order to run an application, whose queues and topics are made where they are missing.

    Raises:
        TypeError: there is no such option.
        ValueError: an option cannot be, or there can be no such queue.

    """
    add_places(post.places, application, None)
    settings = settings_in_memory({"poll_grace": 0.0, **options}, only)
    sources = dict.fromkeys(name_in(route.source) for route in chosen(application.routes(), only))

    def hire(hiring: Hiring) -> Worker:
        return partial(hiring.for_application, application=with_state(application, state), settings=settings, post=post)

    return Order([post.places.queues[name] for name in sources], hire)
