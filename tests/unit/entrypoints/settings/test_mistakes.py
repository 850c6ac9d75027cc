import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.entrypoints.settings.mistakes import Mistake, Mistakes
from loafer.exceptions import ConfigurationError


def test_a_mistake_says_key_value_origin_and_what_would_be_right() -> None:
    mistake = Mistake("LOAFER_MAX_JOBS", "ten", "environment variable", "not a whole number; give 1 or more")
    assert str(mistake) == "LOAFER_MAX_JOBS='ten' (environment variable): not a whole number; give 1 or more"


def test_a_mistake_without_a_value_shows_none() -> None:
    assert str(Mistake("settings.cfg", None, "line 3", "not readable")) == "settings.cfg (line 3): not readable"


@given(st.text(), st.text())
def test_a_mistake_is_one_line(value: str, expected: str) -> None:
    assert len(str(Mistake("KEY", value, "option --key", expected)).splitlines()) == 1


def test_a_long_value_is_cut() -> None:
    assert len(str(Mistake("KEY", "x" * 10_000, "option --key", "too long"))) < 200


def test_all_mistakes_are_told_at_once() -> None:
    mistakes = Mistakes()
    mistakes.add(Mistake("A", "1", "here", "wrong"))
    mistakes.add(Mistake("B", "2", "there", "wrong too"))
    with pytest.raises(ConfigurationError) as caught:
        mistakes.raise_if_any()
    assert str(caught.value).splitlines() == ["A='1' (here): wrong", "B='2' (there): wrong too"]


def test_without_a_mistake_nothing_is_raised() -> None:
    Mistakes().raise_if_any()
