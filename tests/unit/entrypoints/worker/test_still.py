import copy
import logging
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from loafer.entrypoints.worker.still import RECORD, TRACEBACK, make_still, size_of


def record(message: object, *args: object, **extra: Any) -> logging.LogRecord:
    made = logging.getLogger("test").makeRecord("test", logging.INFO, __file__, 1, message, args, None, extra=extra)
    make_still(made)
    return made


class Changing:
    def __init__(self) -> None:
        self.state = "old"

    def __str__(self) -> str:
        return self.state

    def __repr__(self) -> str:
        return f"<{self.state}>"


def test_arguments_that_change_later_are_said_as_they_were() -> None:
    changing, listed = Changing(), ["old"]
    made = record("%s %r %s", changing, changing, listed)
    changing.state = "new"
    listed.append("new")
    assert made.getMessage() == "old <old> ['old']"


def test_named_arguments_too() -> None:
    changing = Changing()
    made = record("%(what)s %(n)05.1f", {"what": changing, "n": 1})
    changing.state = "new"
    assert made.getMessage() == "old 001.0"


def test_the_template_and_what_never_changes_stay_what_they_are() -> None:
    args = (1, 1.5, "text", None, Decimal("1.50"), datetime(2026, 1, 1, tzinfo=UTC))
    made = record("%d %.1f %s %s %.1f %s", *args)
    assert made.msg == "%d %.1f %s %s %.1f %s"
    assert made.args is not None
    assert [a is b for a, b in zip(made.args, args, strict=True)] == [True] * len(args)


def test_a_message_that_is_an_object_is_said_as_it_was_and_a_dictionary_stays_one() -> None:
    changing = Changing()
    event: dict[str, Any] = {"event": "old", "more": [1]}
    told, structured = record(changing), record(event)
    changing.state = "new"
    event["more"].append(2)
    assert told.getMessage() == "old"
    assert structured.msg == {"event": "old", "more": [1]}


def test_extras_are_copied_where_they_are_plain_and_kept_where_they_are_objects() -> None:
    changing: Any = Changing()
    nested: Any = {"list": [1, {"set": {1}}], "tuple": ([1],)}
    made = record("text", nested=nested, changing=changing)
    nested["list"][1]["set"].add(2)
    nested["tuple"][0].append(2)
    assert made.nested == {"list": [1, {"set": {1}}], "tuple": ([1],)}  # type: ignore[attr-defined]
    assert made.changing is changing  # type: ignore[attr-defined]


def test_extras_that_hold_themselves_do_no_harm() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert record("text", endless=endless).endless != []  # type: ignore[attr-defined]


def test_an_error_stays_the_error_with_its_traceback() -> None:
    error = ValueError("text")
    made = logging.makeLogRecord({"msg": "failed: %s", "args": (error,), "exc_info": (ValueError, error, None)})
    make_still(made)
    assert (made.exc_info, made.exc_text) == ((ValueError, error, None), None)
    assert made.getMessage() == "failed: text"


def test_what_cannot_be_said_fails_where_it_is_formatted_and_not_where_it_is_logged() -> None:
    class Mute:
        def __str__(self) -> str:
            raise ValueError("mute")

    made = record("%s", Mute())
    with pytest.raises(ValueError, match="mute"):
        made.getMessage()


def test_a_record_of_another_style_is_left_alone() -> None:
    class Braces(logging.LogRecord):
        def getMessage(self) -> str:  # noqa: N802 - logging's name
            return str(self.msg).format(*self.args or ())

    changing = Changing()
    made = Braces("test", logging.INFO, __file__, 1, "{0.state}", (changing,), None)
    make_still(made)
    assert made.getMessage() == "old"


def test_a_still_record_can_be_copied_and_pickled() -> None:
    made = record("%s", Changing())
    assert copy.copy(made).getMessage() == "old"
    assert pickle.loads(pickle.dumps(made)).getMessage() == "old"


def test_the_size_of_a_record_is_that_of_its_texts_and_of_a_traceback() -> None:
    made = record("%s %s %s", "x" * 10, Changing(), 5)
    assert size_of(made) == RECORD + len("%s %s %s") + 10 + 3
    made.exc_info = (ValueError, ValueError(), None)
    assert size_of(made) == RECORD + len("%s %s %s") + 10 + 3 + TRACEBACK
    assert size_of(record("%(a)s", {"a": "four"})) == RECORD + len("%(a)s") + 4
