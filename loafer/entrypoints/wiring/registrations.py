"""From a registered route to a route: what was named is loaded, and every mistake told with its line of code."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

import attrs

from loafer.adapters.memory import SCHEME
from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.calling import batch_call_of, call_of, checked
from loafer.application.checking import mistakes_in
from loafer.application.pool import ThreadPool
from loafer.application.registered import Registered
from loafer.application.route import BatchCall, Call, Route, Surroundings
from loafer.domain.retry import Retry
from loafer.domain.share import Share
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings, settings_of
from loafer.entrypoints.wiring.decoding import RouteDecoder
from loafer.entrypoints.wiring.loading import Translator, load_consumer_class, load_translator, takes
from loafer.exceptions import ConfigurationError
from loafer.ports.consumer import Consumer

OPTIONS: Mapping[str, object] = {"WaitTimeSeconds": 20, "MaxNumberOfMessages": 10}
"""Options of a route's consumer where the route says nothing else."""

_TRANSLATOR, _CONSUMER = (str(settings_of(RouteSettings)[name].default) for name in ("translator", "consumer"))


@attrs.frozen
class Registrations:
    """Makes routes of what was registered.

    Attributes:
        mistakes: Gets what is wrong with those that cannot be made.
        pool: Runs handlers that are no coroutines.
        broker: Has the queues in memory.
        transport: What carries frequent calls to SQS.
        for_translators: What translators are created with that have names for it.
        processes: How many worker processes there are.

    """

    mistakes: Mistakes
    pool: ThreadPool
    broker: MemoryBroker
    transport: str | None
    for_translators: Mapping[str, object]
    processes: int = 1

    def routes(self, registered: Sequence[Registered], translators: list[Translator | None]) -> list[Route]:
        """Return a route for each that can be one; adds their translators."""
        for each in registered:
            self._refuse_what_is_to_come(each)
        made = [self._route(each, translators) for each in registered if not mistakes_in([each])]
        return [route for route in made if route is not None]

    def _refuse_what_is_to_come(self, registered: Registered) -> None:
        """Add a mistake for what can be registered and does nothing yet."""
        retry = registered.retry
        asked = {
            "when=": registered.when is not None,
            "middleware": bool(registered.middleware),
            "Retry(dead_letter_after=…)": isinstance(retry, Retry) and retry.dead_letter_after is not None,
        }
        for what in (name for name, is_asked in asked.items() if is_asked):
            self._tell(registered, f"{what} is not possible yet; leave it out")

    def _route(self, registered: Registered, translators: list[Translator | None]) -> Route | None:
        around = Surroundings(registered.name)
        call = self._call(registered, around)
        translators.append(translator := self._translator(registered))
        consumer = self._consumer(registered)
        if call is None or translator is None or consumer is None:
            return None
        if isinstance(call, Call):
            call = checked(call, translator.made)
        reject = registered.reject if isinstance(registered.reject, tuple) else (registered.reject,)
        return Route(
            registered.name, registered.source, consumer, translator.translate, call, around,
            _share(registered), registered.retry, registered.timeout, reject,
        )  # fmt: skip

    def _call(self, registered: Registered, around: Surroundings) -> Call | BatchCall | None:
        decoder = RouteDecoder(_TRANSLATOR if registered.translator is None else registered.translator)
        handler, content, batching = registered.handler, registered.content, registered.batching
        try:
            if batching is None:
                return call_of(handler, self.pool, decoder, around, content)
            return batch_call_of(handler, self.pool, decoder, size=batching.size, wait=batching.wait, content=content)
        except ValueError as error:
            self._tell(registered, f"handler {registered.handler_name}: {error}")
            return None

    def _translator(self, registered: Registered) -> Translator | None:
        named = _TRANSLATOR if registered.translator is None else registered.translator
        try:
            return load_translator(named, self.pool, self.for_translators)
        except ValueError as error:
            self._tell(registered, f"translator={named!r}: {error}")
            return None

    def _consumer(self, registered: Registered) -> Callable[[], Consumer] | None:
        """Return what creates the consumer; one is created on trial, for only it knows its options."""
        create = self._creator(registered)
        if create is None:
            return None
        try:
            create()
        except ConfigurationError as error:
            for line in str(error).splitlines():
                self._tell(registered, line)
            return None
        except Exception as error:  # noqa: BLE001 - a user's own class, which may raise anything
            self._tell(registered, f"creating its consumer raised {type(error).__name__}: {error}")
            return None
        return create

    def _creator(self, registered: Registered) -> Callable[[], Consumer] | None:
        options = {**OPTIONS, **registered.options}
        if registered.source.startswith(SCHEME):
            if self.processes > 1:
                wrong = f"{self.processes} processes would each have a queue of their own"
                self._tell(registered, f"source={registered.source!r}: {wrong}; give one process, or a queue on SQS")
            return partial(self.broker.consumer, registered.source, options)
        named = _CONSUMER if registered.consumer is None else registered.consumer
        try:
            consumer_class = load_consumer_class(named)
        except ValueError as error:
            self._tell(registered, f"consumer={named!r}: {error}")
            return None
        given = {name: getattr(registered, name) for name in ("region", "endpoint", "profile")}
        keywords = {name: value for name, value in given.items() if value is not None}
        for name, value in keywords.items():
            if not takes(consumer_class, name):
                self._tell(registered, f"{name}={value!r}: {consumer_class.__name__} takes no {name}")
                return None
        if takes(consumer_class, "transport"):
            keywords["transport"] = self.transport
        create = cast("Callable[..., Consumer]", consumer_class)  # with a source and options, as its docstring says
        return partial(create, registered.source, options, **keywords)

    def _tell(self, registered: Registered, what: str) -> None:
        self.mistakes.tell(f"{registered.line}: route {registered.name!r}: {what}")


def _share(registered: Registered) -> Share:
    return Share(
        max_jobs=registered.max_jobs,
        weight=1 if registered.weight is None else registered.weight,
        rate=registered.rate,
        burst=registered.burst,
        prefetch=registered.prefetch,
    )
