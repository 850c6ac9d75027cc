"""What conditions are made of."""

from decimal import Decimal

import pytest

from loafer.domain.conditions import attribute, body, subject
from loafer.domain.rules import Either, Every, either, together
from loafer.exceptions import ConfigurationError

kind, deep = attribute("kind"), body("order.paid")


def test_what_is_combined_with_what_is_combined_is_one_list_with_what_costs_least_first() -> None:
    cheap, dear, mean = (kind == "a").rule, (deep == 1).rule, (subject == "x").rule
    for both, one in ((together, Every), (either, Either)):
        assert both((both((dear, cheap)), mean)) == both((mean, both((cheap, dear)))) == one((cheap, mean, dear))


def test_a_float_is_compared_with_a_number_attribute_as_it_is_written() -> None:
    [key] = (kind == 0.1).rule.keys  # type: ignore[union-attr]
    assert (key, type(key)) == (Decimal("0.1"), Decimal)


def test_what_a_body_is_compared_with_is_told_by_its_names() -> None:
    with pytest.raises(ConfigurationError) as caught:
        deep.isin([b"a"])
    assert str(caught.value) == (
        "body('order.paid').isin([b'a']): it is never b'a'; compare it with str, int, float, bool, None"
    )
    assert str(deep.isin(["a"])) == "body('order.paid').isin(['a'])"
