"""Conditions of routes: how they are written, what they say of a message, and what is no condition."""

from collections.abc import Iterator, Mapping
from functools import partial

import attrs
import pytest

from loafer.domain.conditions import Condition, Constant, Field, attribute, body, group, key_of, rule_of, subject, topic
from loafer.domain.message import Message
from loafer.domain.rules import ALWAYS, MISSING, Ask, Place, Where, cost
from loafer.exceptions import ConfigurationError

MESSAGE = Message("1", "{}", "receipt")


@attrs.frozen
class Seen:
    """A message of which only this is known, by how it is written."""

    values: Mapping[str, object] = attrs.field(factory=dict)

    def value(self, place: Place) -> object:
        return key_of(self.values[str(place)]) if str(place) in self.values else MISSING

    def answer(self, ask: Ask) -> bool:
        return ask(MESSAGE)


def late(message: Message) -> bool:
    return message.receive_count > 3


kind = attribute("kind")
deep = body("order.paid")


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        (kind == "a", "a", True),
        (kind == "a", "b", False),
        (kind != "a", "b", True),
        (kind != "a", "a", False),
        (kind.isin({"a", "b"}), "b", True),
        (kind.isin(["a", 3]), 3, True),
        (kind.isin({"a", "b"}), "c", False),
        (kind.startswith("order."), "order.created", True),
        (kind.startswith("order."), "orders", False),
        (kind.startswith(""), 5, False),
        (kind.present, "", True),
        (~(kind == "a"), "a", False),
        (~~(kind == "a"), "a", True),
        ((kind == "a") | (kind == "b"), "b", True),
        ((kind == "a") & (kind == "b"), "b", False),
        (kind == 5, 5, True),
        (kind == 5, "5", False),
        (kind == "a", b"a", False),
    ],
)
def test_a_condition_holds_or_does_not(condition: Condition, value: object, holds: bool) -> None:
    assert condition.rule.holds(Seen({str(kind): value})) is holds


@pytest.mark.parametrize("condition", [kind == "a", kind.isin({"a"}), kind.startswith(""), kind.present, deep == None])  # noqa: E711
def test_what_a_message_lacks_equals_nothing(condition: Condition) -> None:
    assert not condition.rule.holds(Seen())
    assert (~condition).rule.holds(Seen())


@pytest.mark.parametrize(
    ("constant", "value", "holds"),
    [
        (True, True, True),
        (True, 1, False),
        (1, True, False),
        (1, 1.0, True),
        (False, 0, False),
        (None, None, True),
        (None, "", False),
        (1.5, 1.5, True),
        ("a", {"a": 1}, False),
        ("a", ["a"], False),
    ],
)
def test_values_of_a_body_are_compared_as_json_has_them(constant: Constant, value: object, holds: bool) -> None:
    assert (deep == constant).rule.holds(Seen({str(deep): value})) is holds


def test_null_is_a_value_that_is_present() -> None:
    assert deep.present.rule.holds(Seen({str(deep): None}))


def test_a_function_is_a_condition_alone_and_combined_with_others() -> None:
    def first(message: Message) -> bool:
        return message.receive_count == 1

    assert not rule_of(late).holds(Seen())
    assert rule_of(first).holds(Seen())
    for condition in ((kind == "a") & first, first & (kind == "a"), (kind == "b") | first, first | (kind == "b")):
        assert condition.rule.holds(Seen({str(kind): "a"}))
    for condition in ((kind == "a") & late, late & (kind == "a")):
        assert not condition.rule.holds(Seen({str(kind): "a"}))


def test_what_costs_least_is_looked_at_first() -> None:
    def never(_: Message) -> bool:
        raise AssertionError("it was asked")

    assert not (never & deep.present & (kind == "a")).rule.holds(Seen({str(kind): "b"}))
    assert (never | (kind == "a")).rule.holds(Seen({str(kind): "a"}))
    assert cost(((kind == "a") & deep.present).rule) is Where.BODY
    assert cost((never & (kind == "a")).rule) is Where.FUNCTION
    assert cost(ALWAYS) is Where.ATTRIBUTE


def test_a_condition_is_a_value() -> None:
    assert attrs.astuple((kind == "a") & deep.present, recurse=False) == attrs.astuple(
        deep.present & (kind == "a"), recurse=False
    )
    assert hash(kind == "a") == hash(attribute("kind").isin(["a"]))


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        (attribute("type") == "a", "attribute('type') == 'a'"),
        (body("a.b") != 1, "~(body('a.b') == 1)"),
        (group.isin(["x"]), "group.isin(['x'])"),
        (topic.startswith("arn:"), "topic.startswith('arn:')"),
        (late & (kind == "a"), "(attribute('kind') == 'a') & (late)"),
        (
            subject.present & (kind == "a") | (kind == "b"),
            "(attribute('kind') == 'b') | ((attribute('kind') == 'a') & (subject.present))",
        ),
    ],
)
def test_a_condition_can_be_read(condition: Condition, written: str) -> None:
    assert str(condition) == written


@pytest.mark.parametrize(
    "mistake",
    [
        "(kind == 'a') and (kind == 'b')",
        "(kind == 'a') or (kind == 'b')",
        "not (kind == 'a')",
        "kind == 'a' & deep == 1",
        "kind == 'a' | deep",
        "kind & (kind == 'a')",
        "~kind",
        "'a' == kind == 'b'",
        "bool(kind)",
        "kind in ['a', 'b']",
    ],
)
def test_a_condition_has_no_truth_before_there_is_a_message(mistake: str) -> None:
    with pytest.raises(TypeError) as caught:
        eval(mistake)
    assert str(caught.value).endswith("write &, | and ~ for and, or and not, with each comparison in parentheses")


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("attribute('')", "attribute(''): give the name of a message attribute"),
        ("body('a..b')", "body('a..b'): give the name of a field, or names with dots between them"),
        ("kind == None", "attribute('kind') == None: it is never None; compare it with str, int, float, bytes"),
        ("kind == [1]", "attribute('kind') == [1]: it is never [1]; compare it with str, int, float, bytes"),
        ("kind == attribute('other')", "attribute('kind') == attribute('other'): it is never attribute('other'); "),
        ("deep == b'a'", "it is never b'a'; compare it with str, int, float, bool, None"),
        ("deep == float('nan')", "it is never nan; compare it with str, int, float, bool, None"),
        ("group == 1", "group == 1: it is never 1; compare it with str"),
        ("kind.isin('ab')", "attribute('kind').isin('ab'): give a set of one value or more"),
        ("kind.isin([])", "attribute('kind').isin([]): give a set of one value or more"),
        ("kind.isin(3)", "attribute('kind').isin(3): give a set of one value or more"),
        ("kind.startswith(1)", "attribute('kind').startswith(1): give a text"),
        ("rule_of(kind)", "attribute('kind') alone is no condition; compare it, or ask whether it is .present"),
        ("rule_of(True)", "True is no condition; give one, or a function that takes a Message, without async"),
        ("rule_of(Message)", "is no condition; give one, or a function that takes a Message, without async"),
        ("rule_of(str)", "is no condition; give one, or a function that takes a Message, without async"),
        ("(kind == 'a') & 1", "1 is no condition; give one, or a function"),
        ("rule_of(lambda: True)", "is no condition; give one, or a function that takes a Message, without async"),
        ("rule_of(lambda a, b: True)", "is no condition; give one, or a function that takes a Message, without async"),
        ("rule_of(coroutine)", "is no condition; give one, or a function that takes a Message, without async"),
        ("rule_of(partial_coroutine)", "is no condition; give one, or a function that takes a Message, without async"),
        ("rule_of(Later())", "is no condition; give one, or a function that takes a Message, without async"),
        ("rule_of(generator)", "is no condition; give one, or a function that takes a Message, without async"),
        ("rule_of(partial_generator)", "is no condition; give one, or a function that takes a Message, without async"),
    ],
)
def test_what_is_no_condition_is_told_in_one_sentence(mistake: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        eval(mistake)
    assert said in str(caught.value)


def test_a_route_without_a_condition_takes_everything() -> None:
    assert rule_of(None).holds(Seen())


def test_a_value_is_in_no_set() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        {Field(Place(Where.GROUP))}


async def coroutine(message: Message) -> bool:
    return True


def generator(message: Message) -> Iterator[bool]:
    yield True


partial_coroutine, partial_generator = partial(coroutine), partial(generator)


class Later:
    async def __call__(self, message: Message) -> bool:
        return True


def test_a_field_of_a_body_is_named_by_its_path() -> None:
    assert str(body("a.b") == 1) == "body('a.b') == 1"
    assert (body("a.b") == 1) != (body("a") == 1)
    assert (body("a.b") == 1) != (attribute("a.b") == 1)


def test_what_is_not_equal_is_the_opposite_of_what_is() -> None:
    assert (kind != "a") == ~(kind == "a")


def test_a_function_may_stand_on_either_side() -> None:
    assert (late | (kind == "a")) == ((kind == "a") | late)
    assert (late & (kind == "a")) == ((kind == "a") & late)


def test_a_callable_without_a_name_is_shown_as_it_shows_itself() -> None:
    class Named:
        def __call__(self, message: Message) -> bool:
            raise AssertionError

        def __repr__(self) -> str:
            return "<late ones>"

    assert str(rule_of(Named())) == "<late ones>"


def test_a_path_has_a_name_for_each_step() -> None:
    assert (body("a.b") == 1) == (Field(Place(Where.BODY, ("a", "b"))) == 1)


def test_what_would_change_nothing_is_left_out_of_a_condition() -> None:
    assert ~~(kind == "a") == (kind == "a")
    assert str(~~(kind == "a")) == "attribute('kind') == 'a'"


def test_a_function_that_tells_no_signature_may_be_a_condition() -> None:
    assert str(rule_of(max)) == "max"  # type: ignore[arg-type]  # any callable is taken


def test_a_set_is_shown_in_one_order_and_a_list_in_its_own() -> None:
    assert (
        str(attribute("kind").isin({"void", "refund", 3, "a"})) == "attribute('kind').isin({'a', 'refund', 'void', 3})"
    )
    assert str(attribute("kind").isin(["void", "a"])) == "attribute('kind').isin(['void', 'a'])"
