"""What a handler takes, by what its signature says."""

import functools
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Dict, List, Optional, TypeVar  # noqa: UP035 - users still write these

import attrs
import pytest

from loafer.application.signature import Takes, Want, takes_of, takes_of_batch
from loafer.domain.context import Context
from loafer.domain.item import Item
from loafer.domain.message import Message

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")
RAW = object


@attrs.frozen
class Order:
    id: int


def untyped(content): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
def typed(order: Order) -> None: ...
def quoted(order: "list[Order]") -> None: ...
def with_message(order: Order, message: Message) -> None: ...
def with_context(order: Order, context: Context[int]) -> None: ...
def with_bare_context(content: Any, context: Context) -> None: ...
def with_quoted_context(content: Any, context: "Context[Decimal]") -> None: ...
def with_optional_message(content: Any, message: Message | None = None) -> None: ...
def with_old_optional_message(content: Any, message: Optional[Message] = None) -> None: ...  # noqa: UP045
def with_annotated_message(content: Any, message: Annotated[Message, "it"]) -> None: ...
def message_alone(message: Message) -> None: ...
def context_alone(context: Context[str]) -> None: ...
def message_and_context(message: Message, context: Context[str]) -> None: ...
def with_default(order: Order, times: int = 3, *, more: bool = True) -> None: ...
def with_default_before(content: Any, message: Message, times: int = 3) -> None: ...
def with_anything(*contents: Any, **more: Any) -> None: ...
def hidden_return(content: Any) -> "Decimal": ...  # type: ignore[empty-body]
def hidden_third(content: Any, message: Message, number: "Decimal | None" = None) -> None: ...


async def coroutine(order: Order, context: Context[int]) -> None: ...


def many(batch: list[Item[Order]]) -> None: ...
def one_item(item: Item[Order]) -> None: ...
def many_in_sequence(batch: Sequence[Item[Order]], context: Context[int]) -> None: ...
def many_of_any_kind(batch: list[Item]) -> None: ...
def many_untyped(batch: list, context: Context) -> None: ...  # type: ignore[type-arg]
def many_of_dicts(batch: list[Item[dict[str, int]]], retries: int = 3) -> None: ...


class Handler:
    async def __call__(self, order: Order, message: Message) -> None: ...

    def method(self, order: Order) -> None: ...

    @staticmethod
    def static(order: Order) -> None: ...


class Silent:
    """A callable that does not say what it takes, as some that are written in C."""

    __signature__ = "unknown"

    def __call__(self, content: Order) -> None: ...


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return run


def with_a_database(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any) -> Any:
        return function(*args, "database")

    return run


@logged
def decorated(order: Order, message: Message) -> None: ...


@with_a_database
def helped(order: Order, database: str) -> None: ...


@pytest.mark.parametrize(
    ("handler", "first", "second", "kind"),
    [
        (untyped, Want.CONTENT, None, RAW),
        (typed, Want.CONTENT, None, Order),
        (quoted, Want.CONTENT, None, list[Order]),
        (with_message, Want.CONTENT, Want.MESSAGE, Order),
        (with_context, Want.CONTENT, Want.CONTEXT, Order),
        (with_bare_context, Want.CONTENT, Want.CONTEXT, RAW),
        (with_optional_message, Want.CONTENT, Want.MESSAGE, RAW),
        (with_old_optional_message, Want.CONTENT, Want.MESSAGE, RAW),
        (with_annotated_message, Want.CONTENT, Want.MESSAGE, RAW),
        (message_alone, Want.MESSAGE, None, Message),
        (context_alone, Want.CONTEXT, None, Context[str]),
        (message_and_context, Want.MESSAGE, Want.CONTEXT, Message),
        (with_default, Want.CONTENT, None, Order),
        (with_default_before, Want.CONTENT, Want.MESSAGE, RAW),
        (with_anything, Want.CONTENT, None, RAW),
        (hidden_return, Want.CONTENT, None, RAW),
        (hidden_third, Want.CONTENT, Want.MESSAGE, RAW),
        (coroutine, Want.CONTENT, Want.CONTEXT, Order),
        (Handler(), Want.CONTENT, Want.MESSAGE, Order),
        (Handler().method, Want.CONTENT, None, Order),
        (Handler.static, Want.CONTENT, None, Order),
        (functools.partial(with_message, message=Message("1", "", "")), Want.CONTENT, None, Order),
        (functools.partial(with_default_before, times=1), Want.CONTENT, Want.MESSAGE, RAW),
        (decorated, Want.CONTENT, Want.MESSAGE, Order),
        (helped, Want.CONTENT, None, Order),
        (print, Want.CONTENT, None, RAW),
        (Silent(), Want.CONTENT, None, RAW),
    ],
)
def test_a_handler_is_given_what_it_is_annotated_with(
    handler: Callable[..., object], first: Want, second: Want | None, kind: Any
) -> None:
    takes = takes_of(handler)
    assert (takes.first, takes.second, takes.kind) == (first, second, kind)


@pytest.mark.parametrize(
    "kind",
    [
        Any, object, dict, list, str, int, float, bool, Dict, List, Mapping, Sequence, typing.Mapping, T,  # noqa: UP006
    ],
)  # fmt: skip
def test_what_has_no_parameters_is_no_promise_and_is_not_checked(kind: Any) -> None:
    def handle(content: Any) -> None: ...

    handle.__annotations__["content"] = kind
    assert takes_of(handle) == Takes()


@pytest.mark.parametrize("kind", [dict[str, int], list[Any], int | None, Mapping[str, int], tuple, set, bytes, Order])
def test_everything_else_is_checked(kind: Any) -> None:
    def handle(content: Any) -> None: ...

    handle.__annotations__["content"] = kind
    assert takes_of(handle).kind == kind


def nothing() -> None: ...
def two(first: Any, second: Any) -> None: ...
def three(content: Any, message: Message, more: Any) -> None: ...
def three_of_ours(content: Any, message: Message, context: Context[None]) -> None: ...
def keyword(content: Any, *, session: Any) -> None: ...
def keyword_of_ours(content: Any, *, message: Message) -> None: ...
def hidden(amount: "Decimal") -> None: ...
def hidden_within(amounts: list["Decimal"]) -> None: ...
def hidden_second(content: Any, context: "Kontext") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def no_annotation(order: "the order") -> None: ...  # type: ignore[valid-type]  # noqa: F722


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (
            nothing,
            "it takes no argument, being nothing() -> None; a handler takes the content and then, if it wants one,",
        ),
        (
            two,
            "there is nothing to give to its parameter 'second', being two(first: Any, second: Any) -> None; a handler",
        ),
        (three, "there is nothing to give to its parameter 'more', being three("),
        (three_of_ours, "there is nothing to give to its parameter 'context', being three_of_ours("),
        (keyword, "there is nothing to give to its parameter 'session', being keyword("),
        (keyword_of_ours, "there is nothing to give to its parameter 'message', being keyword_of_ours("),
        (Handler.method, "there is nothing to give to its parameter 'order', being method("),
        (
            hidden,
            "its parameter 'amount' is annotated 'Decimal', which cannot be found (name 'Decimal' is not defined); ",
        ),
        (hidden_second, "its parameter 'context' is annotated 'Kontext', which cannot be found"),
        (no_annotation, "its parameter 'order' is annotated 'the order', which cannot be found"),
        (hidden_within, "its parameter 'amounts' is annotated list['Decimal'], which cannot be found (name 'Decimal'"),
    ],
)
def test_a_signature_that_cannot_be_served_names_the_parameter_and_the_reason(
    handler: Callable[..., object], said: str
) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        takes_of(handler)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("handler", "second", "kind"),
    [
        (many, None, Order),
        (many_in_sequence, Want.CONTEXT, Order),
        (many_of_any_kind, None, RAW),
        (many_untyped, Want.CONTEXT, RAW),
        (many_of_dicts, None, dict[str, int]),
        (untyped, None, RAW),
    ],
)
def test_a_handler_of_many_is_given_items_of_its_type(
    handler: Callable[..., object], second: Want | None, kind: Any
) -> None:
    assert takes_of_batch(handler) == Takes(Want.CONTENT, second, kind, takes_of_batch(handler).name)


@pytest.mark.parametrize(
    ("read", "handler", "said"),
    [
        (takes_of, many, "its parameter 'batch' takes Items of a batch: register it with batch, not with route"),
        (takes_of, one_item, "its parameter 'item' takes Items of a batch: register it with batch, not with route"),
        (takes_of_batch, typed, "its parameter 'order' takes no list of Items; annotate it list[Item[…]]"),
        (takes_of_batch, message_alone, "its parameter 'message' takes no list of Items"),
        (takes_of_batch, with_message, "its parameter 'order' takes no list of Items"),
        (takes_of_batch, with_optional_message, "in a batch each item has its message, item.message"),
        (takes_of_batch, two, "there is nothing to give to its parameter 'second'"),
    ],
)
def test_one_and_many_are_not_mistaken_for_each_other(
    read: Callable[..., Takes], handler: Callable[..., object], said: str
) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        read(handler)
    assert said in str(caught.value)


def quoted_twice(order: "'Order'") -> None: ...  # type: ignore[valid-type]
def quoted_within(orders: Optional[List["Order"]]) -> None: ...  # noqa: UP006, UP045
def quoted_beside_a_note(order: Annotated["Order", "by hand"]) -> None: ...
def quoted_state(content: Any, context: Context["Decimal"]) -> None: ...


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (quoted_twice, Order),
        (quoted_within, Optional[List[Order]]),  # noqa: UP006, UP045
        (quoted_beside_a_note, Annotated[Order, "by hand"]),
        (quoted_state, RAW),
    ],
)
def test_what_is_quoted_within_an_annotation_is_looked_up_too(handler: Callable[..., object], kind: Any) -> None:
    assert takes_of(handler).kind == kind


def test_an_annotation_that_only_type_checkers_see_is_told_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"define it at module level, not under TYPE_CHECKING$"):
        takes_of(hidden)
    with pytest.raises(ValueError, match="'Context"):
        takes_of(with_quoted_context)
