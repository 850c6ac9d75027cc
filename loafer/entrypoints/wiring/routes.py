"""From the settings of a route to a route: names become what they name, and every mistake is collected."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar, cast

import attrs

from loafer.adapters.memory import SCHEME
from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.calling import checked
from loafer.application.pool import ThreadPool
from loafer.application.route import Route, Surroundings
from loafer.domain.share import Share
from loafer.entrypoints.settings.load import mistake_in
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.wiring.apart import warn_of_shared_queues
from loafer.entrypoints.wiring.applications import Application, chosen
from loafer.entrypoints.wiring.decoding import RouteDecoder
from loafer.entrypoints.wiring.loading import (
    Translator,
    creates,
    load_consumer_class,
    load_handler,
    load_translator,
    takes,
)
from loafer.ports.consumer import Consumer

Loaded = TypeVar("Loaded")


@attrs.frozen
class Wiring:
    """Makes routes.

    Attributes:
        mistakes: Gets what is wrong with those that cannot be made.
        pool: Runs handlers that are no coroutines.
        broker: Has the queues in memory.
        transport: What carries frequent calls to SQS; given to consumers that can be created with a `transport`.
        shared: What is set for all routes: translators that can be created with `topics` or `verify` get it.

    """

    mistakes: Mistakes
    pool: ThreadPool
    broker: MemoryBroker
    transport: str | None = None
    shared: Settings = attrs.field(factory=Settings)

    def routes(self, settings: tuple[RouteSettings, ...], application: Application | None = None) -> list[Route]:
        """Return a route for each of the settings that can be one, after those of an application."""
        translators: list[Translator | None] = []
        made: list[Route | None] = []
        if application is not None:
            made += self._registered(application, translators)
        made += [self._route(route, translators) for route in settings]
        if None not in translators:  # one that is missing might have taken it
            self._check_taken({name for each in translators if each is not None for name in each.took})
        routes = [route for route in made if route is not None]
        warn_of_shared_queues((route.name, route.source) for route in routes)
        return routes

    def _registered(self, application: Application, translators: list[Translator | None]) -> list[Route]:
        from loafer.entrypoints.wiring.registrations import Registrations  # noqa: PLC0415 - what is in code alone has it

        for mistake in application.mistakes():
            self.mistakes.tell(mistake)
        shared = self.shared
        making = Registrations(
            self.mistakes,
            self.pool,
            self.broker,
            self.transport,
            self._for_translators,
            shared.processes,
            {} if shared.only else application.rejected(),
            {route.key: route for route in shared.changes},
            shared.retry_delay,
        )
        every = application.routes()
        return making.routes(chosen(every, shared.only), translators, every if shared.only else ())

    @property
    def _for_translators(self) -> Mapping[str, object]:
        given: dict[str, object] = {"topics": self.shared.sns_topics, "verify": self.shared.sns_verify}
        return {name: value for name, value in given.items() if value}

    def _check_taken(self, took: set[str]) -> None:
        """Add a mistake for each check that is asked for and that no translator makes: nobody would notice."""
        right = "no route's translator takes it; name one that does: loafer.aws.message_translator.SNSMessageTranslator"
        for name in sorted(self._for_translators.keys() - took):
            self.mistakes.add(mistake_in(self.shared, f"sns_{name}", right))

    def _route(self, settings: RouteSettings, translators: list[Translator | None]) -> Route | None:
        """Return a route, if there can be one; adds its translator."""
        around = Surroundings(settings.name)
        decoder = RouteDecoder(settings.translator)
        call = self._loaded(settings, "handler", partial(load_handler, pool=self.pool, decoder=decoder, around=around))
        load = partial(load_translator, pool=self.pool, given=self._for_translators)
        translators.append(translator := self._loaded(settings, "translator", load))
        consumer = self._consumer(settings)
        if call is None or translator is None or consumer is None:
            return None
        call = checked(call, translator.made)
        share = Share(max_jobs=settings.max_jobs, weight=settings.weight)
        return Route(
            settings.name, settings.source, consumer, translator.translate, call, around,
            share, settings.retry and settings.retry.over(self.shared.retry_delay), settings.timeout,
        )  # fmt: skip

    def _loaded(self, settings: RouteSettings, field: str, load: Callable[[str], Loaded]) -> Loaded | None:
        try:
            return load(getattr(settings, field))
        except ValueError as error:
            self.mistakes.add(mistake_in(settings, field, str(error)))
            return None

    def _consumer(self, settings: RouteSettings) -> Callable[[], Consumer] | None:
        """Return what creates the consumer, after one was created on trial."""
        create = self._creator(settings)
        return create if create is not None and creates(create, partial(self._refused, settings)) else None

    def _refused(self, settings: RouteSettings, field: str, what: str) -> None:
        """Add what is wrong with a field; a source that is missing was told before."""
        if field != "source" or settings.source:
            self.mistakes.add(mistake_in(settings, field, what))

    def _creator(self, settings: RouteSettings) -> Callable[[], Consumer] | None:
        if settings.source.startswith(SCHEME):
            return partial(self.broker.consumer, settings.source, settings.options)
        consumer_class = self._loaded(settings, "consumer", load_consumer_class)
        if consumer_class is None:
            return None
        create = cast("Callable[..., Consumer]", consumer_class)  # with a source and options, as its docstring says
        keywords = {"transport": self.transport} if takes(consumer_class, "transport") else {}
        return partial(create, settings.source, settings.options, **keywords)
