import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loafer.application.handler import ThreadHandler
from loafer.application.pool import ThreadPool
from loafer.application.route import Handler, Surroundings
from loafer.entrypoints.wiring.decoding import RouteDecoder
from loafer.entrypoints.wiring.loading import import_name, load_handler

numbers = itertools.count()


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    with ThreadPool(1, "pool") as executor:
        yield executor


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of its own, full of handlers."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"jobs_{next(numbers)}"
    (tmp_path / f"{name}.py").write_text(HANDLERS, encoding="utf-8")
    return name


def load(dotted: str, pool: ThreadPool) -> Handler:
    return load_handler(dotted, pool, RouteDecoder(None), Surroundings("route")).handle


HANDLERS = """
import contextvars, functools, threading

seen = []
variable = contextvars.ContextVar("variable")

async def coroutine(content): seen.append((content, threading.current_thread().name))
def function(content): seen.append((content, threading.current_thread().name))
def returns_awaitable(content): return coroutine(content)
def carries(content): seen.append(variable.get())
def two(first, second): ...
def none(): ...
def keyword(content, *, needed): ...
def generator(content): yield
async def async_generator(content): yield
async def two_coroutine(first, second): ...

@functools.wraps(two)
def decorated(*args): return two(*args, 1)

class Class:
    made = 0
    def __init__(self): Class.made += 1
    def __call__(self, content): function(content)
    def method(self, content): function(content)
    @staticmethod
    def static(content): function(content)

class Async:
    async def __call__(self, content): await coroutine(content)

class Plain: ...
class Broken:
    def __init__(self): raise KeyError("x")
    def __call__(self, content): ...
class Needy:
    def __init__(self, database): ...
    def __call__(self, content): ...

instance, async_instance, plain = Class(), Async(), Plain()
method = instance.method
partial = functools.partial(lambda extra, content: function(content), 1)
async_partial = functools.partial(two_coroutine, 1)
"""


@pytest.mark.parametrize("between", [".", ":"])
def test_a_handler_is_named_with_a_point_or_a_colon(jobs: str, between: str, pool: ThreadPool) -> None:
    assert load(f"{jobs}{between}coroutine", pool).__qualname__ == "coroutine"


@pytest.mark.parametrize("name", ["coroutine", "async_instance", "async_partial"])
def test_what_is_a_coroutine_function_stays_as_it_is(jobs: str, name: str, pool: ThreadPool) -> None:
    assert load(f"{jobs}.{name}", pool) is import_name(f"{jobs}.{name}")


@pytest.mark.parametrize("name", ["function", "instance", "method", "partial", "Class", "Class.static"])
async def test_other_callables_run_in_a_thread(jobs: str, name: str, pool: ThreadPool) -> None:
    handler = load(f"{jobs}.{name}", pool)
    assert isinstance(handler, ThreadHandler)
    await handler("content")
    assert import_name(f"{jobs}.seen") == [("content", "pool_0")]


async def test_a_class_is_instantiated_once(jobs: str, pool: ThreadPool) -> None:
    made: Any = import_name(f"{jobs}.Class")
    before = made.made
    handler = load(f"{jobs}.Class", pool)
    await handler(1)
    await handler(2)
    assert made.made == before + 1


async def test_a_class_with_a_coroutine_as_call_runs_on_the_loop(jobs: str, pool: ThreadPool) -> None:
    await load(f"{jobs}.Async", pool)("content")
    assert import_name(f"{jobs}.seen") == [("content", threading.current_thread().name)]


async def test_an_awaitable_that_a_function_returns_is_awaited(jobs: str, pool: ThreadPool) -> None:
    await load(f"{jobs}.returns_awaitable", pool)("content")
    assert import_name(f"{jobs}.seen") == [("content", threading.current_thread().name)]


async def test_a_thread_sees_the_context_variables_of_its_caller(jobs: str, pool: ThreadPool) -> None:
    variable: Any = import_name(f"{jobs}.variable")
    variable.set("carried")
    await load(f"{jobs}.carries", pool)("content")
    assert import_name(f"{jobs}.seen") == ["carried"]


def test_a_decorated_function_is_taken_for_what_it_takes(jobs: str, pool: ThreadPool) -> None:
    assert isinstance(load(f"{jobs}.decorated", pool), ThreadHandler)


def test_a_function_that_does_not_tell_its_signature_is_taken(pool: ThreadPool) -> None:
    assert isinstance(load("builtins.print", pool), ThreadHandler)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (
            "plain",
            "it is an instance of Plain, which cannot be called; name a function, a coroutine function, or an obj",
        ),
        ("Plain", "class Plain has no __call__"),
        (
            "Needy",
            r"handlers are made without arguments, and Needy\(database\) needs some; name an instance, such as handle",
        ),
        ("Broken", r"Broken\(\) raised KeyError: 'x'"),
        ("none", r"it takes no argument, being none\(\); a handler takes the content and then, if it wants one, "),
        ("two", r"there is nothing to give to its parameter 'second', being two\(first, second\); a handler takes "),
        ("two_coroutine", "there is nothing to give to its parameter 'second'"),
        ("keyword", r"there is nothing to give to its parameter 'needed', being keyword\(content, \*, needed\)"),
        ("Class.method", r"there is nothing to give to its parameter 'content', being method\(self, content\)"),
        ("generator", "it is a generator, which would never run"),
        ("async_generator", "it is a generator, which would never run"),
    ],
)
def test_what_cannot_handle_is_refused(jobs: str, name: str, complaint: str, pool: ThreadPool) -> None:
    with pytest.raises(ValueError, match=complaint):
        load(f"{jobs}.{name}", pool)
