"""What errors of one kind have in common, and how many kinds are told apart."""

import hashlib

import pytest

from loafer.domain.failure import FOLDED, NAMES, without_reason
from loafer.domain.failure import fingerprint_of as fingerprint_of_place
from loafer.domain.fingerprint import LONGEST, MOST_KINDS, OTHERS, Kinds, fingerprint_of
from loafer.domain.message import Attribute


class _Broken(Exception):
    """Of a handler."""


def raised(error: Exception) -> Exception:
    def inner() -> None:
        raise error

    try:
        inner()
    except type(error) as caught:
        return caught
    raise AssertionError


def kind(name: str) -> Exception:
    return type(name, (Exception,), {"__qualname__": name})()  # type: ignore[no-any-return]


def test_an_error_is_known_by_its_class_and_the_innermost_function_that_raised_it() -> None:
    assert fingerprint_of(raised(_Broken("a body"))) == ("_Broken", "raised.<locals>.inner")
    assert fingerprint_of(_Broken("a body")) == ("_Broken", "")


def test_names_are_told_as_far_as_they_are_read() -> None:
    long = kind("x" * (LONGEST + 1))
    assert fingerprint_of(long) == ("x" * LONGEST, "")
    assert Kinds().named(long) == "x" * LONGEST
    space = {"error": _Broken()}
    name = "f" * (LONGEST + 1)
    exec(f"def {name}():\n    raise error", space)
    with pytest.raises(_Broken) as caught:
        space[name]()  # type: ignore[operator]
    assert fingerprint_of(caught.value) == ("_Broken", "f" * LONGEST)


def test_the_first_kinds_are_told_apart_and_stay_known_when_others_come() -> None:
    kinds = Kinds()
    for number in range(MOST_KINDS):
        assert kinds.told("orders", kind(f"E{number}")) == (f"E{number}", "")
        assert kinds.named(kind(f"E{number}")) == f"E{number}"
    for _ in range(2):
        assert kinds.told("orders", kind("More")) == (OTHERS, "")
        assert kinds.named(kind("More")) == OTHERS
        assert kinds.told("orders", kind("E0")) == ("E0", "")
        assert kinds.named(kind("E0")) == "E0"
    assert kinds.told("mails", kind("E0")) == (OTHERS, ""), "of another route it is another kind"


def test_one_error_is_another_kind_where_another_function_raised_it() -> None:
    kinds = Kinds()
    for number in range(MOST_KINDS - 1):
        kinds.told("orders", kind(f"E{number}"))
    assert kinds.told("orders", raised(_Broken())) == ("_Broken", "raised.<locals>.inner")
    assert kinds.told("orders", _Broken()) == (OTHERS, "")


def test_a_failures_fingerprint_is_of_its_error_and_its_place_without_lines_and_indexes() -> None:
    def said(text: str) -> str:
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]

    assert fingerprint_of_place("KeyError", "shop:charge:41") == said("KeyError\nshop:charge")
    assert fingerprint_of_place("KeyError", "shop:41:charge") == said("KeyError\nshop:41:charge")
    assert fingerprint_of_place("InvalidContent", "$.lines[12].tags[0]") == said("InvalidContent\n$.lines[].tags[]")
    assert fingerprint_of_place("\ud800", "") == said("\ud800\n")


def test_a_message_without_its_reason_has_what_it_was_sent_with() -> None:
    own = {"loafer.own": Attribute("x"), "kind": Attribute("order")}
    assert without_reason({**own, FOLDED: Attribute("{}"), **dict.fromkeys(NAMES, Attribute("x"))}) == own
