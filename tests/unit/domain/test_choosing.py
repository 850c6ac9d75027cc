"""Which of several rules takes a message, what is looked at for that, and which can never take one."""

from collections.abc import Mapping, Sequence
from itertools import product

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loafer.domain import choosing
from loafer.domain.choosing import Chooser, in_turn, unreachable
from loafer.domain.conditions import Condition, attribute, body, group, key_of, rule_of
from loafer.domain.message import Message
from loafer.domain.rules import MISSING, Ask, Place, Rule, Where

MESSAGE = Message("1", "{}", "receipt")
kind, version, paid = attribute("kind"), attribute("version"), body("paid")


@attrs.define
class Seen:
    """A message of which this is known, and which remembers what was looked at."""

    values: Mapping[str, object]
    answers: bool = False
    looked: list[Where] = attrs.field(factory=list)

    def value(self, place: Place) -> object:
        self.looked.append(place.where)
        return key_of(self.values[str(place)]) if str(place) in self.values else MISSING

    def answer(self, ask: Ask) -> bool:
        self.looked.append(Where.FUNCTION)
        return self.answers


def numbered(*conditions: Condition | Ask | None) -> list[tuple[Rule, int]]:
    return [(rule_of(condition), number) for number, condition in enumerate(conditions)]


def chosen(conditions: Sequence[Condition | Ask | None], seen: Seen) -> int | None:
    return Chooser.of(numbered(*conditions)).choose(seen)


def asks(_: Message) -> bool:
    raise AssertionError("the sight answers for it")


def also_asks(_: Message) -> bool:
    raise AssertionError("the sight answers for it")


def test_the_first_that_holds_takes_the_message() -> None:
    conditions = [kind == "a", kind.isin({"a", "b"}), kind.startswith("c"), kind.present]
    for value, expected in [("a", 0), ("b", 1), ("cd", 2), ("x", 3)]:
        assert chosen(conditions, Seen({str(kind): value})) == expected
    assert chosen(conditions, Seen({})) is None


def test_what_has_no_condition_comes_last_wherever_it_was_registered() -> None:
    conditions = [None, kind == "a"]
    assert chosen(conditions, Seen({str(kind): "a"})) == 1
    assert chosen(conditions, Seen({})) == 0


@pytest.mark.parametrize(
    "conditions",
    [
        [kind == "a", paid == True],  # noqa: E712
        [kind.startswith("a"), paid == True],  # noqa: E712
        [(kind == "a") & (version == 1), paid.present],
        [(kind == "a") | (paid == 1), paid == 2],
        [kind == "b", kind == "a", paid == 1, None],
    ],
)
def test_no_body_is_looked_at_where_a_rule_before_it_holds(conditions: list[Condition]) -> None:
    seen = Seen({str(kind): "a", str(version): 1, str(paid): True})
    assert chosen(conditions, seen) is not None
    assert Where.BODY not in seen.looked


def test_a_body_is_looked_at_where_its_rule_comes_first() -> None:
    assert chosen([paid == 1, kind == "a"], Seen({str(kind): "a", str(paid): 1})) == 0
    assert chosen([paid == 1, kind == "a"], Seen({str(kind): "a", str(paid): 2})) == 1


@pytest.mark.parametrize("condition", [lambda n: kind == f"kind {n}", lambda n: (kind == f"kind {n}") & (version == n)])
def test_of_a_hundred_routes_that_compare_one_value_each_message_looks_it_up_once(condition: object) -> None:
    assert callable(condition)
    seen = Seen({str(kind): "kind 99", str(version): 99})
    assert chosen([condition(n) for n in range(100)], seen) == 99
    assert len(seen.looked) <= 2


def test_a_function_is_asked_only_for_what_it_is_combined_with() -> None:
    conditions = [(kind == "a") & asks, (kind == "b") & asks, kind == "b"]
    seen = Seen({str(kind): "b"})
    assert chosen(conditions, seen) == 2
    assert seen.looked.count(Where.FUNCTION) == 1


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([kind == "a", kind == "b", None], []),
        ([kind == "a", kind == "a"], [(1, [0])]),
        ([kind.isin({"a", "b"}), kind == "a", kind == "b"], [(1, [0]), (2, [0])]),
        ([kind == "a", kind == "b", kind.isin({"a", "b"})], [(2, [0, 1])]),
        ([kind.startswith("order."), kind == "order.created", kind.startswith("order")], [(1, [0])]),
        ([kind.startswith("order"), kind.startswith("order.")], [(1, [0])]),
        ([kind == "a", kind != "a", kind.present, None], [(2, [0, 1]), (3, [0, 1])]),
        ([kind.present, ~kind.present, None], [(2, [0, 1])]),
        ([(kind == "a") & (kind == "b")], [(0, [])]),
        ([(kind == "a") & ~kind.present], [(0, [])]),
        ([kind == "a", (kind == "a") & (paid == 1)], [(1, [0])]),
        ([(kind == "a") & (paid == 1), kind == "a"], []),
        ([asks, asks], [(1, [0])]),
        ([asks, also_asks], []),
        ([None, None], [(1, [0])]),
        ([None, kind == "a"], []),
        ([kind == 1, kind == 1.0], [(1, [0])]),
        ([paid == 1, paid == True], []),  # noqa: E712
        ([group == "a", group.isin({"a"})], [(1, [0])]),
    ],
)
def test_a_rule_that_can_never_be_first_is_told_with_those_that_take_its_messages(
    conditions: list[Condition | Ask | None], expected: list[tuple[int, list[int]]]
) -> None:
    assert unreachable(numbered(*conditions)) == expected


def test_rules_on_very_many_places_are_looked_through_in_bounded_time() -> None:
    many = [attribute(f"a{n % 40}") == n for n in range(200)]
    both = many[0] & many[1]
    for condition in many[2:40]:
        both |= condition & many[0]
    assert unreachable(numbered(*many, both)) in ([], [(200, list(range(40)))])


PLACES = [kind, version, paid]
VALUES = ["a", "ab", 1, True, None]
ANYTHING = st.deferred(lambda: LEAVES | COMBINED)
LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(lambda place, value: place == value, st.sampled_from([kind, version]), st.sampled_from(["a", "ab", 1])),
    st.builds(lambda value: paid == value, st.sampled_from(VALUES)),
    st.builds(paid.isin, st.lists(st.sampled_from(VALUES), min_size=1)),
    st.builds(lambda place, prefix: place.startswith(prefix), st.sampled_from(PLACES), st.sampled_from(["", "a", "b"])),
    st.sampled_from(PLACES).map(lambda place: place.present),
    st.just(Condition(rule_of(asks))),
)
COMBINED: st.SearchStrategy[Condition] = st.one_of(
    st.builds(lambda one, other: one & other, ANYTHING, ANYTHING),
    st.builds(lambda one, other: one | other, ANYTHING, ANYTHING),
    ANYTHING.map(lambda condition: ~condition),
)
CONDITIONS = st.lists(LEAVES | COMBINED | st.none(), max_size=6)
EVERYTHING = [
    Seen({str(place): value for place, value in zip(PLACES, values, strict=True) if value is not MISSING}, answers)
    for answers in (True, False)
    for values in product([MISSING, "a", "ab", "ac", "b", "x", 1, True, None, ["a"]], repeat=3)
]


@given(CONDITIONS, st.sampled_from(EVERYTHING))
def test_a_look_up_finds_what_asking_one_after_the_other_finds(conditions: list[Condition | None], seen: Seen) -> None:
    rules = numbered(*conditions)
    assert Chooser.of(rules).choose(seen) == next((to for rule, to in in_turn(rules) if rule.holds(seen)), None)


@settings(deadline=None)  # each example asks for every message there is
@given(CONDITIONS)
def test_what_is_told_to_be_unreachable_is_just_what_no_message_reaches(conditions: list[Condition | None]) -> None:
    rules = numbered(*conditions)
    chooser = Chooser.of(rules)
    reached = {chooser.choose(seen) for seen in EVERYTHING}
    assert {number for number, _ in unreachable(rules)} == set(range(len(rules))) - reached


def test_what_takes_a_message_is_seen_at_once_so_that_there_are_trials_left_for_what_takes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields = [attribute(name) for name in "abc"]
    rules = [(fields[0] == each) & (fields[1] == each) & (fields[2] == each) for each in range(4)]
    monkeypatch.setattr(choosing, "MOST_TRIALS", 400)  # 7 values of each of three fields are 343 messages
    assert unreachable(numbered(*rules, rules[0])) == [(4, [0])]


def test_rules_that_are_asked_before_the_one_that_holds_count_as_trials_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = numbered(*(kind == str(number) for number in range(50)), kind == "49")
    assert unreachable(rules) == [(50, [49])]
    monkeypatch.setattr(choosing, "MOST_TRIALS", 1000)  # to find the fifty that can be first takes 1275
    assert unreachable(rules) == []


def test_one_look_is_enough_for_rules_of_several_values_however_many_there_are() -> None:
    conditions = [(kind == f"a{number}") | (kind == f"b{number}") for number in range(9)]
    seen = Seen({str(kind): "b8"})
    assert chosen(conditions, seen) == 8
    assert seen.looked == [Where.ATTRIBUTE]


@pytest.mark.parametrize(("trials", "found"), [(0, []), (1, [1]), (6, [1]), (7, [1, 2])])
def test_each_message_that_is_imagined_is_a_trial(
    monkeypatch: pytest.MonkeyPatch, trials: int, found: list[int]
) -> None:
    monkeypatch.setattr(choosing, "MOST_TRIALS", trials)
    # One message shows that the first is reached, five that nothing is both, and one that the last comes too late.
    rules = numbered(kind == "a", (kind == "a") & (kind == "b"), kind == "a")
    assert [number for number, _ in unreachable(rules)] == found


@pytest.mark.parametrize(("trials", "found"), [(6, []), (7, [2])])
def test_what_a_rule_does_not_name_is_imagined_as_what_no_other_takes(
    monkeypatch: pytest.MonkeyPatch, trials: int, found: list[int]
) -> None:
    monkeypatch.setattr(choosing, "MOST_TRIALS", trials)
    # One message for each of the first two, with a look at the first for the second, and four that the last would take.
    rules = numbered(kind == "a", version == "b", kind == "a")
    assert [number for number, _ in unreachable(rules)] == found
