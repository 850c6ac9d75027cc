"""From a registered route to a route: what was named is loaded, and every mistake told with its line of code."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

import attrs

from loafer.adapters.memory import SCHEME
from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.calling import batch_call_of, call_of, checked
from loafer.application.checking import mistakes_in
from loafer.application.middleware import through
from loafer.application.pool import ThreadPool
from loafer.application.registered import Registered
from loafer.application.route import BatchCall, Call, Route, Surroundings
from loafer.domain.retry import Retry
from loafer.entrypoints.settings.load import mistake_in
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings, settings_of
from loafer.entrypoints.wiring.decoding import RouteDecoder
from loafer.entrypoints.wiring.joining import joined, share_of
from loafer.entrypoints.wiring.loading import Translator, creates, load_consumer_class, load_translator, takes
from loafer.ports.consumer import Consumer

OPTIONS: Mapping[str, object] = {"WaitTimeSeconds": 20, "MaxNumberOfMessages": 10}
"""Options of a route's consumer where the route says nothing else."""

_SHARED = ("translator", "consumer", "options", "region", "endpoint", "profile")
"""What the routes of one source have in common, for they have one consumer."""

_TRANSLATOR, _CONSUMER = (str(settings_of(RouteSettings)[name].default) for name in ("translator", "consumer"))

_SHOWN = {"source": "source: ", "options": "", "consumer": "its consumer: "}
"""How a consumer's complaint about a field begins, where the field was set in code."""


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
        rejected: Whether messages that no route of a source takes are deleted, by source.
        changes: What was said of them elsewhere than in code, by what stands for each in variables.
        retry: When kept messages come back, where a route leaves that unsaid.

    """

    mistakes: Mistakes
    pool: ThreadPool
    broker: MemoryBroker
    transport: str | None
    for_translators: Mapping[str, object]
    processes: int = 1
    rejected: Mapping[str, bool] = attrs.field(factory=dict)
    changes: Mapping[str, RouteSettings] = attrs.field(factory=dict)
    retry: Retry = attrs.field(factory=Retry)

    def routes(
        self, registered: Sequence[Registered], translators: list[Translator | None], every: Sequence[Registered] = ()
    ) -> list[Route]:
        """Return a route for each that can be one; adds their translators.

        They are some of `every` route: what others of their source take is left to other workers.
        """
        by_source: dict[str, list[Registered]] = {}
        for each in registered:
            if not mistakes_in([each]):
                by_source.setdefault(each.source, []).append(each)
        made = [self._of_source(group, translators, every) for group in by_source.values()]
        return [route for route in made if route is not None]

    def _of_source(
        self, group: Sequence[Registered], translators: list[Translator | None], every: Sequence[Registered]
    ) -> Route | None:
        """Return the route that receives from a source: its only one, or one for all of them."""
        first, of_group = group[0], list[Translator | None]()
        made = [self._route(each, of_group) for each in group]
        translators += of_group
        beside = [each for each in every if _have_one_queue(first, each)] or group
        agreements = [self._agree(first, each) for each in {id(each): each for each in (*group, *beside)}.values()]
        branches = tuple(route for route in made if route is not None)
        if len(branches) < len(group) or not all(agreements):
            return None
        if len(beside) == 1 and first.when is None:
            return branches[0]
        translator = of_group[0]
        enveloped = translator is not None and callable(getattr(translator.made, "notification", None))
        reject = self.rejected.get(first.source, False)
        return joined(group, branches, beside, reject=reject, enveloped=enveloped, retry=self.retry)

    def _agree(self, first: Registered, each: Registered) -> bool:
        """Tell whether two routes of one source can have one consumer; adds a mistake for what keeps them from it."""
        apart = [name for name in _SHARED if getattr(first, name) != getattr(each, name)]
        for name in apart:
            self._tell(each, f"{name}= differs from that of {first.name!r} ({first.line}), which has the same source")
        if first is not each and (first.batching or each.batching):
            self._tell(each, f"a batch has its source for itself, and {first.name!r} ({first.line}) has the same")
            return False
        return not apart

    def _route(self, registered: Registered, translators: list[Translator | None]) -> Route | None:
        name = registered.label or registered.name
        around = Surroundings(name)
        call = self._call(registered, around)
        translators.append(translator := self._translator(registered))
        consumer = self._consumer(registered)
        if call is None or translator is None or consumer is None:
            return None
        if isinstance(call, Call):
            call = checked(call, translator.made)
        call = through(call, registered.middleware, around)
        reject = registered.reject if isinstance(registered.reject, tuple) else (registered.reject,)
        retry = registered.retry and registered.retry.over(self.retry)
        return Route(
            name, registered.source, consumer, translator.translate, call, around,
            share_of([registered]), retry, registered.timeout, reject, origin=_origin(registered),
        )  # fmt: skip

    def _call(self, registered: Registered, around: Surroundings) -> Call | BatchCall | None:
        decoder = RouteDecoder(_TRANSLATOR if registered.translator is None else registered.translator)
        handler, content, batching = registered.handler, registered.content, registered.batching
        try:
            if batching is None:
                return call_of(handler, self.pool, decoder, around, content)
            return batch_call_of(handler, self.pool, decoder, size=batching.size, wait=batching.wait, content=content)
        except ValueError as error:
            self._refuse(registered, "handler", str(error), f"handler {registered.handler_name}: ")
            return None

    def _translator(self, registered: Registered) -> Translator | None:
        named = _TRANSLATOR if registered.translator is None else registered.translator
        try:
            return load_translator(named, self.pool, self.for_translators)
        except ValueError as error:
            self._refuse(registered, "translator", str(error), f"translator={named!r}: ")
            return None

    def _consumer(self, registered: Registered) -> Callable[[], Consumer] | None:
        """Return what creates the consumer, after one was created on trial."""
        create = self._creator(registered)
        return create if create is not None and creates(create, partial(self._refuse, registered)) else None

    def _creator(self, registered: Registered) -> Callable[[], Consumer] | None:
        options = {**OPTIONS, **registered.options}
        if registered.source.startswith(SCHEME):
            if self.processes > 1:
                wrong = f"{self.processes} processes would each have a queue of their own"
                right = f"{wrong}; give one process, or a queue on SQS"
                self._refuse(registered, "source", right, f"source={registered.source!r}: ")
            return partial(self.broker.consumer, registered.source, options)
        named = _CONSUMER if registered.consumer is None else registered.consumer
        try:
            consumer_class = load_consumer_class(named)
        except ValueError as error:
            self._refuse(registered, "consumer", str(error), f"consumer={named!r}: ")
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

    def _refuse(self, registered: Registered, field: str, what: str, shown: str | None = None) -> None:
        """Add what is wrong with a field: where it was set, or with its line of code and as it is `shown` there."""
        said = self.changes.get(registered.key)
        if said is not None and field in said.origins:
            self.mistakes.add(mistake_in(said, field, what))
        else:
            self._tell(registered, f"{shown or _SHOWN[field]}{what}")

    def _tell(self, registered: Registered, what: str) -> None:
        self.mistakes.tell(f"{_origin(registered)}: {what}")


def _have_one_queue(one: Registered, other: Registered) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ("source", "region", "endpoint", "profile"))


def _origin(registered: Registered) -> str:
    """Return how an error names a route: its line of code, and its name."""
    return f"{registered.line}: route {registered.name!r}"
