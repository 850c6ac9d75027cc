"""The filter language: rule-engine's, with nine names; see docs/adr/0024-filter-language.md."""

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from loafer.entrypoints.commands.dlq.facts import NAMES
from loafer.exceptions import ConfigurationError

_TEXTS = ("error", "place", "fingerprint", "group")
_NUMBERS = ("attempts", "age")
_LITERAL = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_BOUNDLESS = re.compile(r"<<|\$range\b")
"""What makes numbers or lists of any size from a few characters, and so never ends."""

EXAMPLE = 'error == "KeyError" and body.tenant == "a"'


@attrs.define
class Filter:
    """Tells whether facts match an expression.

    Attributes:
        text: The expression.
        matches: Tells it; what cannot be compared does not match.
        about_tries: Whether it asks for what came of a try.
        incomparable: How often something could not be compared, as a number with a text.

    """

    text: str
    matches: Callable[[Mapping[str, Any]], bool]
    about_tries: bool = False
    incomparable: int = 0

    def __call__(self, facts: Mapping[str, Any]) -> bool:
        """Tell whether facts match."""
        try:
            return self.matches(facts)
        except Exception:  # noqa: BLE001 - what the library raises for a body that is made otherwise
            self.incomparable += 1
            return False


def everything() -> Filter:
    """Return the filter that all facts match."""
    return Filter("", lambda _: True)


def filter_of(text: str | None) -> Filter:
    """Return the filter of an expression; of None, everything.

    Raises:
        ConfigurationError: it cannot be read; the line says where, and which names there are.

    """
    if text is None:
        return everything()
    boundless = _BOUNDLESS.search(_LITERAL.sub("''", text))
    if boundless:
        raise ConfigurationError(f"--where: {boundless[0]} may never end; leave it out; {_right()}")
    engine = _engine()
    kinds = engine.DataType
    types = dict.fromkeys(NAMES, kinds.UNDEFINED)
    types |= dict.fromkeys(_TEXTS, kinds.STRING) | dict.fromkeys(_NUMBERS, kinds.FLOAT)
    context = engine.Context(type_resolver=engine.type_resolver_from_dict(types), default_value=None)
    try:
        rule = engine.Rule(text, context=context)
    except engine.errors.EngineError as error:
        raise ConfigurationError(f"--where: {_what(error, text)}") from None
    except (ValueError, RecursionError, OverflowError, ArithmeticError) as error:
        what = "it is too long, or nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigurationError(f"--where: {what}; {_right()}") from None
    _find_null(rule.statement)

    def matches(facts: Mapping[str, Any]) -> bool:
        with (
            warnings.catch_warnings()
        ):  # `body.tenant` is what everybody writes, and goes until the library's version 6
            warnings.simplefilter("ignore", engine.errors.MappingAttributeLookupDeprecation)
            return bool(rule.matches(facts))

    return Filter(text, matches, about_tries="tried" in context.symbols)


def _find_null(node: Any) -> None:
    """Have items that are not there be null, as attributes are: `body["a"]` is what `body.a` is."""
    slots = [name for kind in type(node).__mro__ for name in getattr(kind, "__slots__", ())]
    for value in [*vars(node).values(), *(getattr(node, name, None) for name in slots)]:
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if hasattr(each, "evaluate"):
                _find_null(each)
    if hasattr(node, "safe"):
        node.safe = True


def _engine() -> Any:
    try:
        import rule_engine  # noqa: PLC0415 - only those who filter need it
    except ImportError:
        raise ConfigurationError("--where needs the extra `ops`: pip install 'loafer[ops]'") from None
    return rule_engine


def _what(error: Any, text: str) -> str:
    name = getattr(error, "symbol_name", None)
    if name is not None:
        column = text.find(name) + 1
        near = f"; did you mean {error.suggestion}?" if getattr(error, "suggestion", None) in NAMES else ""
        return f"unknown name {name!r} at column {column}{near}; {_right()}"
    found = re.search(r"line \d+:(\d+)", str(error.message))
    if found:
        column = int(found[1]) + 1
        return f"cannot be read from column {column} on: {text[column - 1 :][:30]!r}; {_right()}"
    if "EOF" in str(error.message):
        return f"it ends too early, at column {len(text) + 1}; {_right()}"
    return f"{error.message}; {_right()}"


def _right() -> str:
    return f"there are {', '.join(NAMES)}; such as {EXAMPLE}"
