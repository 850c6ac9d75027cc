"""What is said to whoever made a mistake in code: the whole sentence, for half of one helps nobody."""

import inspect
import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import attrs
import pytest
from test_calling import NumberDecoder
from test_publishing import opened
from test_tally import route_of

from loafer import Context, IgnoreMessage, Item, Loafer, PublisherError, Retry
from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.calling import batch_call_of, call_of, checked, instance_of, translator_of
from loafer.application.checking import mistake_in_middleware
from loafer.application.handler import ThreadHandler
from loafer.application.middleware import Chain, through
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.registered import Line
from loafer.application.route import BatchCall, Call, Surroundings
from loafer.application.routing import Unmatched, mistake_in_unmatched
from loafer.application.signature import name_of, signature_of, takes_of, takes_of_batch, want
from loafer.domain.demand import Bounds
from loafer.domain.message import Message
from loafer.domain.share import Share
from loafer.exceptions import ConfigurationError, HandlerTimeout

AROUND = Surroundings("orders")
WAIT = "give 0 seconds or more, and less than 43195"
NAME_IT = "name a function, a coroutine function, or an object or a class with __call__"


async def handle(content: Any) -> None: ...
async def many(batch: list[Item[Any]]) -> None: ...


class Plain:
    """Cannot be called."""


class Needy:
    def __init__(self, database: object) -> None: ...

    def __call__(self, content: object) -> None: ...


class Failing:
    def __init__(self) -> None:
        raise KeyError("x")

    def __call__(self, content: object) -> None: ...


class Refusing:
    def __init__(self) -> None:
        raise ConfigurationError("topics='x' cannot be")

    def __call__(self, content: object) -> None: ...


def generator(content: object) -> Iterator[None]:
    yield


async def asynchronous(content: object) -> Any:
    yield


def said(doing: Callable[[], object]) -> str:
    with pytest.raises(ValueError, match=r"\w") as caught:
        doing()
    return str(caught.value)


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        (Plain, f"class Plain has no __call__; {NAME_IT}"),
        (Plain(), f"it is an instance of Plain, which cannot be called; {NAME_IT}"),
        (5, f"it is an instance of int, which cannot be called; {NAME_IT}"),
        (
            Needy,
            (
                "handlers are made without arguments, and Needy(database: object) -> None needs some; name an "
                "instance, such as handle = Needy(…), or take what it needs from a lifespan's state"
            ),
        ),
        (Failing, "Failing() raised KeyError: 'x'"),
        (Refusing, "topics='x' cannot be"),
        (generator, "it is a generator, which would never run; name a function without yield"),
        (asynchronous, "it is a generator, which would never run; name a function without yield"),
    ],
)
def test_what_is_no_handler_is_told_with_what_would_be_one(handler: object, text: str, pool: ThreadPool) -> None:
    assert said(lambda: call_of(handler, pool, NumberDecoder(), AROUND)) == text
    assert said(lambda: batch_call_of(handler, pool, NumberDecoder(), size=1, wait=1)) == text


def test_content_that_is_said_twice_is_told_with_both(pool: ThreadPool) -> None:
    async def typed(order: list[int]) -> None: ...

    text = "its parameter 'order' takes something else than content=<class 'int'>; say it once"
    assert said(lambda: call_of(typed, pool, NumberDecoder(), AROUND, int)) == text


def nothing_more() -> None: ...
def two(first: Any, second: Any) -> None: ...


HANDLER = "a handler takes the content and then, if it wants one, a parameter that is annotated Message or Context"


@pytest.mark.parametrize(
    ("read", "handler", "text"),
    [
        (takes_of, nothing_more, f"it takes no argument, being nothing_more() -> None; {HANDLER}"),
        (
            takes_of,
            two,
            (
                "there is nothing to give to its parameter 'second', being two(first: Any, second: Any) -> None; "
                f"{HANDLER}"
            ),
        ),
        (takes_of, many, "its parameter 'batch' takes Items of a batch: register it with batch, not with route"),
    ],
)
def test_a_signature_that_cannot_be_served_is_shown(read: Callable[..., object], handler: Any, text: str) -> None:
    assert said(lambda: read(handler)) == text


def test_what_a_batch_does_not_take_is_told() -> None:
    async def of_one(order: int, message: Message) -> None: ...
    async def with_a_message(batch: Any, message: Message) -> None: ...
    async def of_a_message(message: Message) -> None: ...
    async def of_two(batch: list[tuple[Item[int], int]]) -> None: ...
    async def of_a_set(batch: set[Item[int]]) -> None: ...

    no_list = "its parameter {!r} takes no list of Items; annotate it list[Item[…]]"
    for handler, name in ((of_a_message, "message"), (of_two, "batch"), (of_a_set, "batch")):
        assert said(lambda handler=handler: takes_of_batch(handler)) == no_list.format(name)  # type: ignore[misc]
    text = "in a batch each item has its message, item.message; take a Context, or the list alone"
    assert said(lambda: takes_of_batch(with_a_message)) == text
    assert said(lambda: takes_of_batch(of_one)) in {text, no_list.format("order")}


class Translator:
    checks: Any = False

    def translate(self, body: str) -> dict[str, object]:
        return {"content": body}


class OfThree:
    def translate(self, body: str, message: Message, more: object) -> None: ...


class OfNone:
    def translate(self) -> None: ...


class YieldingLater:
    async def translate(self, body: str) -> AsyncIterator[None]:
        yield


class Yielding:
    def translate(self, body: str) -> Iterator[None]:
        yield


@pytest.mark.parametrize(
    ("translator", "text"),
    [
        (Plain, "it has no method 'translate'; name a class with `def translate(self, message)`"),
        (YieldingLater, "'translate' is a generator, which would never run; write it without yield"),
        (Yielding, "'translate' is a generator, which would never run; write it without yield"),
        (
            OfThree,
            (
                f"it needs more than one argument, being translate{inspect.signature(OfThree().translate)}; "
                "'translate' takes one, the body, or two, the body and the message"
            ),
        ),
        (
            OfNone,
            (
                "it takes no argument, being translate() -> None; "
                "'translate' takes one, the body, or two, the body and the message"
            ),
        ),
        (Failing, "Failing() raised KeyError: 'x'"),
    ],
)
def test_what_is_no_translator_is_told_with_what_would_be_one(translator: object, text: str, pool: ThreadPool) -> None:
    assert said(lambda: translator_of(translator, pool)) == text


MESSAGE = Message("1", "body", "r")


def test_a_translator_gets_the_body_and_the_message_where_it_takes_both(pool: ThreadPool) -> None:
    class OfBoth:
        def translate(self, body: str, message: Message) -> object:
            return body, message

    class WithMore:
        def translate(self, body: str, *, more: int = 3) -> object:
            return body, more

    class WithDefault:
        def translate(self, body: str, second: object = None) -> object:
            return body, second

    class OfAnything:
        def translate(self, *all_of: object) -> object:
            return all_of

    for translator, returned in (
        (OfBoth(), ("body", MESSAGE)),
        (WithMore, ("body", 3)),
        (WithDefault, ("body", MESSAGE)),
        (OfAnything, ("body",)),
    ):
        assert translator_of(translator, pool)(MESSAGE) == returned


def test_a_translator_that_blocks_runs_in_a_thread_unless_it_is_awaited(pool: ThreadPool) -> None:
    class Blocking(Translator):
        blocking = True

    class Saying(Translator):
        blocking = "yes"

    class Awaited:
        blocking = True

        async def translate(self, body: str) -> object:
            return body

    made = translator_of(Blocking, pool)
    assert isinstance(made, ThreadHandler)
    assert made.pool is pool
    for translator in (Translator, Saying, Awaited):
        assert not isinstance(translator_of(translator, pool), ThreadHandler)


def test_a_body_is_translated_for_nobody_unless_its_translator_checks_it() -> None:
    class Checking(Translator):
        checks = True

    class Saying(Translator):
        checks: Any = "yes"

    class Noticing(Translator):
        def notification(self, body: str) -> None: ...

    class Odd(Translator):
        notification = 5

    unwanted, wanted = Call(handle, translated=False), Call(handle)
    assert checked(unwanted, Checking()) == wanted
    for translator in (Translator(), Saying(), Odd()):
        assert checked(unwanted, translator) == unwanted
    noticing = Noticing()
    assert checked(unwanted, noticing) == attrs.evolve(unwanted, notice=noticing.notification)
    assert checked(wanted, noticing) == wanted


def test_an_instance_is_made_of_a_class_with_what_is_given_and_nothing_of_anything_else() -> None:
    assert isinstance(instance_of(Needy, database=5), Needy)
    assert instance_of(handle, database=5) is handle


def test_what_says_nothing_of_itself_is_named_by_its_type() -> None:
    assert (name_of(handle), name_of(Plain()), name_of(5)) == ("handle", "Plain", "int")
    assert signature_of(5) is None  # type: ignore[arg-type]


def test_a_parameter_that_may_be_either_gets_the_content() -> None:
    assert [want(kind) for kind in (Message | Context[int], Message | None, int | None)] == [
        want(int),
        want(Message),
        want(int),
    ]


def test_middleware_that_cannot_be_called_is_told_with_how_to_write_it() -> None:
    def plain(context: object, call_next: object) -> None: ...
    async def of_one(context: object) -> None: ...
    async def right(context: object, call_next: object) -> None: ...

    write = "write it as async def {}(context, call_next)"
    assert mistake_in_middleware(plain) == (f"the middleware plain is no coroutine function; {write.format('plain')}")
    assert mistake_in_middleware(5) == (  # type: ignore[arg-type]
        f"the middleware int is no coroutine function; {write.format('int')}"
    )
    assert mistake_in_middleware(of_one) == (
        f"the middleware of_one(context: object) -> None cannot be called with two arguments; {write.format('of_one')}"
    )
    assert mistake_in_middleware(right) is None


async def test_middleware_that_does_not_call_on_is_named_and_keeps_the_message(pool: ThreadPool) -> None:
    async def stops(context: object, call_next: object) -> None: ...

    with pytest.raises(IgnoreMessage, match=r"^the middleware stops did not call on$"):
        await Chain([stops]).go(AROUND.context_of(MESSAGE), lambda: handle(5))


def test_without_middleware_a_handler_is_called_as_it_is_and_with_it_it_keeps_its_threads(pool: ThreadPool) -> None:
    async def wraps(context: Any, call_next: Any) -> None:
        await call_next()

    call = Call(ThreadHandler(print, pool))
    assert through(call, [], AROUND) is call
    wrapped = through(call, [wraps], AROUND)
    assert isinstance(wrapped, Call)
    assert wrapped.handle.pool is pool  # type: ignore[attr-defined]
    assert wrapped.arguments is not None
    assert wrapped.arguments(5, MESSAGE) == (5, MESSAGE)
    batch = through(BatchCall(ThreadHandler(print, pool), size=7), [wraps], AROUND)
    assert isinstance(batch, BatchCall)
    assert (batch.contextual, batch.size, batch.handle.pool) == (True, 7, pool)  # type: ignore[attr-defined]


class Remembering(dict[str, object]):
    """A class whose signature nobody can tell, for it is made in C."""

    def __call__(self, content: object) -> None: ...


class LargestCharacter:
    translate = staticmethod(max)  # which does not say what it takes either


def test_what_does_not_say_what_it_takes_is_taken_as_it_is(pool: ThreadPool) -> None:
    assert signature_of(Remembering) is signature_of(max) is None
    handle = call_of(Remembering, pool, NumberDecoder(), AROUND).handle
    assert isinstance(handle, ThreadHandler)
    assert isinstance(handle.function, Remembering)
    assert translator_of(LargestCharacter, pool)(attrs.evolve(MESSAGE, body="abc")) == "c"


def test_a_source_that_no_route_has_is_told_with_the_one_that_may_be_meant() -> None:
    app = Loafer()
    app.route("orders")(handle)
    routes = app.routes()
    line = Line("/shop.py", 3)
    assert mistake_in_unmatched(Unmatched("orders", True, line), routes) is None
    assert mistake_in_unmatched(Unmatched("order", True, line), routes) == (
        "/shop.py:3: unmatched('order'): no route has this source; did you mean 'orders'?"
    )
    assert mistake_in_unmatched(Unmatched("clicks", True, line), routes) == (
        "/shop.py:3: unmatched('clicks'): no route has this source; name the source as its routes do"
    )


def mistakes(register: Callable[[Any], object]) -> list[str]:
    app = Loafer()
    register(app)
    return [mistake.split(": ", 2)[2] for mistake in app.mistakes()]


@pytest.mark.parametrize(
    ("register", "text"),
    [
        (lambda app: app.route("")(handle), "source='' cannot be; give a queue's name, URL or ARN"),
        (lambda app: app.route("a", name=" ")(handle), "name=' ' cannot be; give a name"),
        (lambda app: app.route("a", burst=5)(handle), "burst=5 says nothing without rate="),
        (lambda app: app.route("a", max_jobs=True)(handle), "max_jobs=True cannot be; give 1 or more"),
        (lambda app: app.route("a", rate=math.inf)(handle), "rate=inf cannot be; give more than 0 a second"),
        (
            lambda app: app.route("a", retry=5)(handle),
            "retry=5 cannot be; give a Retry, such as Retry(delay=5)",
        ),
        (
            lambda app: app.route("a", reject=(KeyError, HandlerTimeout))(handle),
            (
                f"reject={(KeyError, HandlerTimeout)!r} cannot be; "
                "give a class of exceptions, or a tuple of them, none of which ends a handler or keeps its message"
            ),
        ),
        (
            lambda app: app.route("a", options=[1])(handle),
            "options=[1] cannot be; give a mapping such as {'WaitTimeSeconds': 5}",
        ),
        (lambda app: app.batch("a", size=None)(many), "size=None cannot be; give 1 message or more"),
        (lambda app: app.batch("a", size=1, wait=math.inf)(many), f"wait=inf cannot be; {WAIT}"),
        (lambda app: app.batch("a", size=1, wait="1")(many), f"wait='1' cannot be; {WAIT}"),
        (
            lambda app: app.batch("a.fifo", size=1)(many),
            "a batch of a FIFO queue is not possible yet, for its messages run one after the other; use route",
        ),
    ],
)
def test_a_route_that_cannot_be_is_told_with_what_would_be_right(register: Callable[[Any], object], text: str) -> None:
    assert mistakes(register) == [text]


@pytest.mark.parametrize(
    "options",
    [
        {"max_jobs": 1, "prefetch": 1, "rate": 0.001, "burst": 1, "weight": 0.001, "timeout": 0.001},
        {"retry": Retry(delay=5), "reject": (KeyError, ValueError), "options": {}},
        {"reject": ()},
    ],
)
def test_what_a_route_may_just_be_given_is_no_mistake(options: dict[str, Any]) -> None:
    assert mistakes(lambda app: app.route("a", **options)(handle)) == []
    assert mistakes(lambda app: app.batch("b", size=1, wait=0, **options)(many)) == []


def test_two_routes_of_one_name_are_told_with_the_line_of_the_first() -> None:
    app = Loafer()
    app.route("shop.orders")(handle)
    app.route("shop-orders")(handle)
    first, second = app.routes()
    [mistake] = app.mistakes()
    assert mistake == (
        f"{second.line}: route 'shop-orders': 'shop.orders' ({first.line}) has the same name in variables; give name="
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda app: app.route(handle),
            'route() takes the name of a queue: write @app.route("orders"), with parentheses',
        ),
        (
            lambda app: app.route("a", max_job=3),
            "route() got an unexpected keyword argument 'max_job'; did you mean max_jobs?",
        ),
        (
            lambda app: app.route("a", nme="x"),
            "route() got an unexpected keyword argument 'nme'; did you mean name?",
        ),
        (
            lambda app: type(app)(lifspan=None),
            "Loafer() got an unexpected keyword argument 'lifspan'; did you mean lifespan?",
        ),
        (lambda app: app.route("a", x=3), "route() got an unexpected keyword argument 'x'"),
        (
            lambda app: app.batch("a", size=1, max_job=3),
            "batch() got an unexpected keyword argument 'max_job'; did you mean max_jobs?",
        ),
        (lambda app: app.publisher(), "publisher takes either a queue or topic=, and was given neither"),
    ],
)
def test_what_cannot_be_registered_is_refused_at_once_in_a_sentence(call: Callable[[Any], object], text: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(Loafer())
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"max_jobs": 0}, "max_jobs=0 cannot be; give 1 or more"),
        ({"prefetch": 0}, "prefetch=0 cannot be; give 1 or more"),
        ({"held_bytes": 0}, "held_bytes=0 cannot be; give 1 or more"),
        ({"fifo_followers": None}, "fifo_followers=None cannot be; give 1 or more"),
        ({"grace_period": -0.1}, "grace_period=-0.1 cannot be; give 0 or more seconds"),
        ({"poll_grace": None}, "poll_grace=None cannot be; give 0 or more seconds"),
        ({"stall_limit": math.nan}, "stall_limit=nan cannot be; give 0 or more seconds"),
        ({"handler_timeout": -1}, "handler_timeout=-1 cannot be; give 0 or more seconds, or None"),
        (
            {"retry_delay": -1},
            "retry_delay=-1 cannot be; give 0 to 43200 seconds, 'exponential', a Retry, or None",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_with_what_could(given: dict[str, Any], text: str) -> None:
    assert said(lambda: Options(**given)) == text


def test_options_may_be_at_their_bounds() -> None:
    Options(max_jobs=1, prefetch=1, held_bytes=1, fifo_followers=1, grace_period=0, poll_grace=0, stall_limit=0)
    Options(grace_period=math.inf, poll_grace=math.inf, stall_limit=math.inf, handler_timeout=0)


def test_routes_may_hold_what_runs_waits_and_is_collected() -> None:
    options = Options(max_jobs=10, prefetch=7, held_bytes=1000, fifo_followers=5)
    assert options.bounds([]) == Bounds(10, 1000, 5, 1)
    plain, few = route_of(), route_of(share=Share(max_jobs=3, prefetch=2))
    assert options.bounds([plain, few]) == Bounds(10 + 7 + 2, 1000, 5, 2)
    batch = route_of(call=BatchCall(many, size=4))
    assert options.bounds([batch]) == Bounds(10 + 8 + 3 * 10, 1000, 5, 1)
    few_batches = route_of(call=BatchCall(many, size=4), share=Share(max_jobs=3))
    assert options.bounds([few_batches]) == Bounds(10 + 8 + 3 * 3, 1000, 5, 1)


@pytest.mark.parametrize("delay", [True, "5", math.nan, math.inf])
async def test_a_delay_that_is_no_number_is_refused(delay: Any) -> None:
    app = Loafer()
    receipts: Any = app.publisher("memory://receipts")
    async with opened(app, MemoryBroker()):
        with pytest.raises(PublisherError) as caught:
            await receipts.publish("x", delay=delay)
    assert str(caught.value) == f"queue 'receipts' does not take the message: delay={delay!r} is no number of seconds"
