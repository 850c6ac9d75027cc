"""Functions that no task waits for: what they come to counts as everywhere else, and they end with everything else."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import closing
from contextvars import Context, ContextVar, Token
from functools import partial
from typing import Any, cast

import pytest
from gate import Gate
from world import World, queue

from loafer.application.delivery import Delivery
from loafer.application.errand import Errand
from loafer.application.errands import Errands
from loafer.application.handled import HANDLED, handled
from loafer.application.handler import ThreadHandler
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.running import Running
from loafer.application.threaded import SOON, Answers, ThreadCall
from loafer.application.threads import MOST, Threads
from loafer.application.ticket import Ticket
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.exceptions import IgnoreMessage, RejectMessage
from loafer.ports.observer import Observer

COLOUR: ContextVar[str] = ContextVar("colour", default="none")
QUICK = 0.0001


async def come_of(
    function: Callable[..., object], pool: ThreadPool, *bodies: str, seconds: float = 1, **more: Any
) -> list[Delivery]:
    """Return what has come of messages that a function has handled."""
    world = World(queue("orders", *bodies), ThreadHandler(function, pool), **more)
    async with world:
        await asyncio.sleep(seconds)
    return world.deliveries


def boom(_: object) -> None:
    raise ValueError("boom")


async def test_a_function_is_handled_without_a_task(pool: ThreadPool) -> None:
    tasks: list[int] = []
    loop = asyncio.get_running_loop()

    def count(_: object) -> None:
        asyncio.run_coroutine_threadsafe(note(), loop)

    async def note() -> None:
        await asyncio.sleep(0)
        tasks.append(sum("Jobs._run" in str(task.get_coro()) for task in asyncio.all_tasks()))

    await come_of(count, pool, "a", "b")
    assert tasks == [0, 0]


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (ValueError("boom"), Outcome.FAILED),
        (RejectMessage(), Outcome.REJECTED),
        (IgnoreMessage(), Outcome.IGNORED),
        (asyncio.CancelledError(), Outcome.FAILED),
    ],
)
async def test_what_a_function_raises_counts(raised: BaseException, outcome: Outcome, pool: ThreadPool) -> None:
    def function(_: object) -> None:
        raise raised

    [delivery] = await come_of(function, pool, "a")
    assert (delivery.outcome, delivery.error, delivery.content) == (outcome, raised, "a")


async def test_an_awaitable_that_a_function_returns_is_awaited_in_a_task_and_counts(pool: ThreadPool) -> None:
    tasks: list[object] = []

    async def wait(content: object) -> None:
        async with asyncio.timeout(5):  # works in tasks only
            await asyncio.sleep(1)
        tasks.append(asyncio.current_task())
        if content == "b":
            raise RejectMessage

    def function(content: object) -> object:
        return wait(content)

    deliveries = await come_of(function, pool, "a", "b", seconds=3)
    assert [(each.message.body, each.outcome) for each in deliveries] == [
        ("a", Outcome.SUCCEEDED),
        ("b", Outcome.REJECTED),
    ]
    assert None not in tasks


async def test_a_stop_cancels_an_awaitable_that_a_function_has_returned(pool: ThreadPool) -> None:
    source = queue("orders", "a")
    async with World(source, ThreadHandler(lambda _: asyncio.sleep(1000), pool), Options(grace_period=1)) as world:
        await asyncio.sleep(5)
        assert world.dispatcher._slots.running == 1
    assert [type(delivery.error) for delivery in world.deliveries] == [asyncio.CancelledError]
    assert [message.body for message in source.visible] == ["a"]


async def translated(message: Message) -> object:
    async with asyncio.timeout(5):
        await asyncio.sleep(1)
    if message.body == "b":
        raise ValueError("no")
    return {"content": message.body.upper()}


async def test_a_translator_that_is_to_be_awaited_is_awaited_in_a_task_before_the_function(pool: ThreadPool) -> None:
    ran: list[object] = []
    deliveries = await come_of(ran.append, pool, "a", "b", seconds=3, translate=translated)
    assert sorted((each.message.body, each.outcome) for each in deliveries) == [
        ("a", Outcome.SUCCEEDED),
        ("b", Outcome.UNTRANSLATED),
    ]
    assert ran == ["A"]


async def test_a_stop_cancels_a_translator_and_its_function_never_runs(pool: ThreadPool) -> None:
    ran: list[object] = []

    async def stubborn(message: Message) -> object:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            return {"content": message.body}
        return None

    source = queue("orders", "a")
    world = World(source, ThreadHandler(ran.append, pool), Options(grace_period=1), translate=stubborn)
    async with world:
        await asyncio.sleep(5)
    assert ran == []
    assert [message.body for message in source.visible] == ["a"]


@pytest.mark.parametrize("answer", [None, {}, "text"])
async def test_what_no_translator_may_answer_is_not_handled(answer: object, pool: ThreadPool) -> None:
    ran: list[object] = []
    [delivery] = await come_of(ran.append, pool, "a", translate=lambda _: answer)
    assert (delivery.outcome, ran) == (Outcome.UNTRANSLATED, [])


async def test_a_translator_that_raises_keeps_the_message(pool: ThreadPool) -> None:
    ran: list[object] = []
    [delivery] = await come_of(ran.append, pool, "a", translate=boom)
    assert (delivery.outcome, str(delivery.error), ran) == (Outcome.UNTRANSLATED, "boom", [])


async def test_a_message_has_one_context_from_its_start_to_its_end_and_no_other_has_it(pool: ThreadPool) -> None:
    seen: list[tuple[object, object]] = []

    class Ends(Observer):
        def ended(self, *_: Any) -> None:
            told = handled()
            seen.append((COLOUR.get(), None if told is None else told.message_id))

    def translate(message: Message) -> object:
        seen.append((COLOUR.get(), None))
        COLOUR.set(f"translated {message.body}")
        return {"content": message.body}

    def function(content: str) -> None:
        told = handled()
        seen.append((COLOUR.get(), None if told is None else told.message_id))
        COLOUR.set(f"handled {content}")

    world = World(queue("orders", "a", "b"), ThreadHandler(function, pool), Options(max_jobs=1), translate=translate)
    world.dispatcher.observers = [Ends()]
    async with world:
        await asyncio.sleep(1)
    one, two = ([("none", None), (f"translated {each}", id), (f"handled {each}", id)] for each, id in _IDS)  # noqa: A001
    assert seen == [*one, *two]
    assert (COLOUR.get(), HANDLED.get()) == ("none", None)


_IDS = (("a", "orders-1"), ("b", "orders-2"))


@pytest.mark.parametrize("more", [{"translate": translated}, {}], ids=["translator", "function"])
async def test_what_is_awaited_for_a_message_has_its_one_context_too(more: dict[str, Any], pool: ThreadPool) -> None:
    """Whoever follows a message with a token, as OpenTelemetry and Sentry do, can give it back in no copy."""
    tokens: list[Token[str]] = []
    seen: list[str] = []

    class Follows(Observer):
        def started(self, _: object) -> None:
            tokens.append(COLOUR.set("started"))

        def ended(self, *_: Any) -> None:
            COLOUR.reset(tokens.pop())
            seen.append(COLOUR.get())

    def function(_: object) -> object:
        return asyncio.sleep(1)

    world = World(queue("orders", "a"), ThreadHandler(function, pool), **more)
    world.dispatcher.observers = [Follows()]
    async with world:
        await asyncio.sleep(5)
    assert seen == ["none"]


class Unknowable:
    """An object that raises where it is asked what it is, as a proxy for what is not there."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError("working outside of a request")


async def test_what_a_function_returns_need_not_tell_what_it_is(pool: ThreadPool) -> None:
    deliveries = await come_of(lambda _: Unknowable(), pool, "a")
    assert [each.outcome for each in deliveries] == [Outcome.SUCCEEDED]
    assert isinstance(await ThreadHandler(Unknowable, pool)(), object)


async def test_a_translator_whose_answer_raises_where_it_is_looked_at_keeps_the_message(pool: ThreadPool) -> None:
    ran: list[object] = []
    [delivery] = await come_of(ran.append, pool, "a", translate=lambda _: Unknowable())
    assert (delivery.outcome, str(delivery.error), ran) == (
        Outcome.UNTRANSLATED,
        "working outside of a request",
        [],
    )


async def test_what_a_stop_abandons_is_settled_by_nobody_when_it_ends(pool: ThreadPool, gate: Gate) -> None:
    cast("Any", asyncio.get_running_loop()).virtual.waits_for_threads = False
    source = queue("orders", "a")
    async with World(source, ThreadHandler(gate, pool), Options(grace_period=1)) as world:
        while not gate.begun.is_set():
            await asyncio.sleep(0)
    assert world.dispatcher.left.handlers == 1
    gate.go_on.set()
    cast("Any", asyncio.get_running_loop()).virtual.waits_for_threads = True
    await asyncio.sleep(1)
    assert world.deliveries == []
    assert source.counts["deleted"] == 0


async def test_what_a_function_returns_has_the_grace_period_though_all_tasks_were_cancelled(
    pool: ThreadPool, gate: Gate
) -> None:
    done: list[str] = []

    async def rest(content: str) -> None:
        await asyncio.sleep(1)
        done.append(content)

    def function(content: str) -> object:
        gate(content)
        return rest(content)

    source, virtual = queue("orders", "one"), cast("Any", asyncio.get_running_loop()).virtual
    virtual.waits_for_threads = False
    async with World(source, ThreadHandler(function, pool), Options(grace_period=20)) as world:
        while not gate.begun.is_set():
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        virtual.waits_for_threads = True
        gate.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await world.ended()
    assert done == ["one"]
    assert len(source) == 0


async def test_nobody_is_told_that_what_a_stop_has_abandoned_was_not_started() -> None:
    late: list[object] = []
    running = Running(cast("Any", None))
    errands = Errands(running, cast("Any", None), lambda _, lease: late.append(lease))
    for lease in ("held", "left"):
        ticket = Ticket(cast("Any", lease), None, Threads(1), float, 0.0, lambda _: None, late=True)
        errand = errand_of(Answers(asyncio.get_running_loop()), errands._ended, bool)
        errand.ticket = ticket
        running._abandoned.add(cast("Any", "left"))
        errand.told()
    assert late == ["held"]


async def test_in_a_stop_nothing_begins_of_what_a_function_has_returned(pool: ThreadPool, gate: Gate) -> None:
    begun: list[object] = []
    loop = cast("Any", asyncio.get_running_loop())

    async def more() -> None:
        begun.append("more")

    def function(content: object) -> object:
        gate(content)
        return more()

    def go_on() -> None:
        loop.virtual.waits_for_threads = True
        gate.go_on.set()

    source = queue("orders", "a")
    loop.virtual.waits_for_threads = False
    async with World(source, ThreadHandler(function, pool), Options(grace_period=1)) as world:
        while not gate.begun.is_set():
            await asyncio.sleep(0)
        loop.call_later(2, go_on)
    assert begun == []
    assert [type(delivery.error) for delivery in world.deliveries] == [asyncio.CancelledError]
    assert [message.body for message in source.visible] == ["a"]


async def test_in_a_closed_pool_a_message_fails(pool: ThreadPool) -> None:
    pool.close()
    [delivery] = await come_of(print, pool, "a")
    assert (delivery.outcome, str(delivery.error)) == (Outcome.FAILED, "the threads for functions are closed")


async def test_a_pool_that_is_closed_meanwhile_cancels_what_has_not_begun(pool: ThreadPool, gate: Gate) -> None:
    virtual = cast("Any", asyncio.get_running_loop()).virtual
    task = await gate.runs(pool)
    virtual.waits_for_threads = False
    ran: list[object] = []
    world = World(queue("orders", "a"), ThreadHandler(ran.append, pool))
    async with world:
        await asyncio.sleep(1)
        pool.close()
        await asyncio.sleep(1)
    gate.go_on.set()
    virtual.waits_for_threads = True
    await task
    assert [type(delivery.error) for delivery in world.deliveries] == [asyncio.CancelledError]
    assert ran == []


async def test_an_errand_is_cancelled_until_it_has_begun_and_then_counts() -> None:
    told: list[Errand] = []
    answers = Answers(asyncio.get_running_loop())
    for withdrawn in (True, False):
        errand = errand_of(answers, told.append, [withdrawn, withdrawn].pop)
        errand.cancel()
        errand.cancel()
        await asyncio.sleep(0)
        assert told == ([errand] if withdrawn else [])
        assert errand.withdrawn is withdrawn
        told.clear()


def errand_of(answers: Answers, end: Callable[[Errand], None], withdraw: Callable[[], bool]) -> Errand:
    given: Any = {"function": print, "given": (), "answers": answers, "context": Context(), "ticket": None}
    return Errand(**given, message=cast("Any", None), content=None, started=0.0, end=end, withdraw=lambda _: withdraw())


async def test_an_errand_is_never_written_out() -> None:
    """From Python 3.13 a deque says in its error what it does not hold; of an errand that took seconds."""
    pool = ThreadPool(1, start=lambda _: None)
    errand = errand_of(pool.answers(), lambda _: None, lambda: True)
    errand.content = "secret"
    pool.put(errand)
    assert "secret" not in repr(errand) + repr(pool)
    assert pool.withdraw(errand)

    class Unshown(Told):
        def __repr__(self) -> str:
            raise AssertionError("it is written out")

    assert not pool.withdraw(Unshown([]))


class Told(ThreadCall):
    """A call that notes when it is told, and may raise then."""

    def __init__(self, told: list[object], error: Exception | None = None) -> None:
        super().__init__(print, (), cast("Any", None), cast("Any", None))
        self.noted, self.failure = told, error

    def told(self) -> None:
        self.noted.append(self)
        if self.failure is not None:
            raise self.failure


class Loop:
    """An event loop on which nothing happens by itself."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.woken: list[Callable[[], None]] = []
        self.call_soon_threadsafe = self.woken.append

    def call_soon(self, callback: Callable[..., None], *given: object) -> None:
        self.soon.append(partial(callback, *given))

    def call_later(self, seconds: float, callback: Callable[..., None], *given: object) -> None:
        self.later.append((seconds, partial(callback, *given)))


def test_whoever_raises_when_it_is_told_keeps_no_other_from_that() -> None:
    told: list[object] = []
    loop = Loop()
    answers = Answers(cast("Any", loop))
    calls = [Told(told), Told(told, ValueError("boom")), Told(told)]
    for call in calls:
        answers.add(call)
    [hand_over] = loop.woken
    with pytest.raises(ValueError, match="boom"):
        hand_over()
    [others] = loop.soon
    others()
    assert (told, answers.awaited) == (calls, -3)


def test_an_event_loop_is_not_woken_for_each_of_many_and_looks_by_itself_until_nothing_ends() -> None:
    told: list[object] = []
    rouses = [True, False, False]
    loop = Loop()
    answers = Answers(cast("Any", loop))
    for _ in range(2):  # in one turn
        answers.expect(lambda: rouses.pop(0))
    [begin] = loop.soon
    begin()
    assert rouses == [False, False]
    answers.add(Told(told), more=True)
    assert loop.woken == []
    [(seconds, look)] = loop.later
    assert seconds == SOON
    look()
    assert len(told) == 1
    answers.add(Told(told), more=True)
    assert loop.woken == []
    answers.add(Told(told))
    [hand_over] = loop.woken
    hand_over()
    assert len(told) == 3
    loop.later[1][1]()
    assert (len(loop.later), rouses) == (2, [])
    answers.add(Told(told), more=True)  # it looks no longer
    assert len(loop.woken) == 2


def really(main: Coroutine[object, object, object]) -> object:
    """Run something on a real event loop, for virtual ones wake threads at once."""
    with closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(main)


def quick_pool(most: int, **more: Any) -> ThreadPool:
    pool = ThreadPool(most, **more)
    pool.threads.ended(QUICK)
    pool.threads.learn(0.0)
    assert pool.threads.quick
    return pool


def test_where_functions_are_quick_one_thread_is_woken_once_the_turn_is_over() -> None:
    started: list[threading.Thread] = []

    async def main() -> None:
        pool = quick_pool(3, start=started.append)
        calls = [pool.begin(print, ()) for _ in range(5)]
        assert started == []
        await asyncio.sleep(0)
        assert len(started) == 1
        assert all(pool.withdraw(call) for call in calls)

    really(main())


def test_functions_that_came_before_they_were_known_as_quick_wait_for_none_that_blocks() -> None:
    go_on, ran = threading.Event(), threading.Event()
    started: list[threading.Thread] = []

    async def main() -> object:
        with ThreadPool(2, start=started.append) as pool:
            slow = asyncio.ensure_future(ThreadHandler(lambda: go_on.wait(60), pool)())
            quick = asyncio.ensure_future(ThreadHandler(ran.set, pool)())
            await asyncio.sleep(0)
            pool.threads.ended(QUICK)
            pool.threads.learn(0.0)
            assert pool.threads.quick
            pool.start = threading.Thread.start
            started[0].start()
            try:
                async with asyncio.timeout(30):
                    await quick
            finally:
                go_on.set()
            return await slow

    assert really(main()) is True


def test_functions_are_quick_where_the_line_is_as_long_as_it_may_be() -> None:
    threads = Threads(2)
    assert not threads.quick
    threads.line = MOST * 2 - 1
    assert not threads.quick
    threads.line = MOST * 2
    assert threads.quick


def test_quick_functions_wait_for_none_that_blocks_unexpectedly() -> None:
    go_on, ran = threading.Event(), threading.Event()

    async def main() -> object:
        with quick_pool(2) as pool:
            slow = asyncio.ensure_future(ThreadHandler(lambda: go_on.wait(60), pool)())
            quick = asyncio.ensure_future(ThreadHandler(ran.set, pool)())
            async with asyncio.timeout(60):
                await quick
            assert ran.is_set()
            go_on.set()
            return await slow

    assert really(main()) is True
