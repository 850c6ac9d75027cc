"""From the text of a setting to its value; a ValueError says what is wrong and what would be right."""

import math
import re
from collections.abc import Callable
from typing import TypeVar

from loafer.domain.limits import LONGEST_VISIBILITY
from loafer.domain.retry import EXPONENTIAL, Retry

Value = TypeVar("Value")

JSON = "json"
"""The log format that is no format of `logging`."""

LAST_PORT = 65535


def text(example: str) -> Callable[[str], str]:
    """Return a parser of text that is not empty; its error names `example`."""

    def parse(value: str) -> str:
        if not value.strip():
            raise ValueError(f"empty; give {example}")
        return value.strip()

    return parse


def whole_number(least: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `least` upwards."""

    def parse(value: str) -> int:
        # int() would also take 1_000 and the digits of other scripts.
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip()):
            raise ValueError(f"not a whole number; give {least} or more")
        number = int(value)
        if number < least:
            raise ValueError(f"too small; give {least} or more")
        return number

    return parse


def seconds(*, least: float = 0, most: float = math.inf, above: float | None = None) -> Callable[[str], float]:
    """Return a parser of finite seconds from `least` to `most`, and more than `above` where that is given."""
    right = f"more than {above:g}" if above is not None else f"{least:g} or more"
    if most < math.inf:
        right = f"{least:g} to {most:g}"

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"not a number of seconds; give {right}")
        if not least <= number <= most or (above is not None and number <= above):
            raise ValueError(f"out of range; give {right}")
        return number

    return parse


def number_above_zero(value: str) -> float:
    """Return a finite number above 0.

    Raises:
        ValueError: it is none.

    """
    try:
        return seconds(above=0)(value)
    except ValueError as error:
        raise ValueError("no number above 0; give one such as 1 or 2.5") from error


def optional(parse: Callable[[str], Value]) -> Callable[[str], Value | None]:
    """Return a parser that takes '' and 'None' as unset."""

    def parse_unless_unset(value: str) -> Value | None:
        return None if value.strip().lower() in {"", "none"} else parse(value)

    return parse_unless_unset


def retry_delay(value: str) -> Retry:
    """Return the Retry of seconds (0 to 43200), of `exponential`, or of nothing where it is unset.

    Raises:
        ValueError: it is none of these.

    """
    if value.strip().lower() == "exponential":
        return EXPONENTIAL
    try:
        return Retry(delay=optional(seconds(most=LONGEST_VISIBILITY))(value))
    except ValueError as error:
        raise ValueError(f"{error} seconds, or 'exponential'") from error


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that takes one of these words, in any case; nothing is the first of them."""

    def parse(value: str) -> str:
        word = value.strip().lower() or choices[0]
        if word not in choices:
            raise ValueError(f"unknown; give {' or '.join(choices)}")
        return word

    return parse


def address(value: str) -> str:
    """Return HOST:PORT as it stands, an IPv6 host in brackets; the port may be 0: any that is free.

    Raises:
        ValueError: it is none.

    """
    host, colon, port = value.strip().rpartition(":")
    right = "give HOST:PORT such as 127.0.0.1:9102"
    if not colon or not host.strip("[]") or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > LAST_PORT:
        raise ValueError(f"no address; {right}")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("no address; an IPv6 host stands in brackets, as in [::1]:9102")
    return value.strip()


def names(example: str) -> Callable[[str], tuple[str, ...]]:
    """Return a parser of names with commas between; none for '' and 'None'; its error names `example`."""

    def parse(value: str) -> tuple[str, ...]:
        if value.strip().lower() in {"", "none"}:
            return ()
        found = tuple(name.strip() for name in value.split(","))
        if not all(re.fullmatch(r"[\w.:-]+", name) for name in found):
            raise ValueError(f"no list of names; give {example}, with commas between")
        return found

    return parse


def switch(value: str) -> bool:
    """Return whether something is switched on.

    Raises:
        ValueError: it is neither 1 nor 0, nor empty.

    """
    word = value.strip()
    if word not in {"", "0", "1"}:
        raise ValueError("unknown; give 1 or 0")
    return word == "1"


def topics(value: str) -> tuple[str, ...] | None:
    """Return the ARNs of topics, in which commas or blanks stand between them; None for `None`.

    Raises:
        ValueError: there is none, or something else; nothing is no list of topics either, for then all would be taken.

    """
    if value.strip().lower() == "none":
        return None
    from loafer.adapters.aws.sns_envelope import is_arn  # noqa: PLC0415 - only what is set is looked at

    right = "give ARNs of topics such as arn:aws:sns:sa-east-1:123456789012:orders, with commas between, or None"
    named = [name for name in re.split(r"[,\s]+", value) if name]
    wrong = next((name for name in named if not is_arn(name)), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is no ARN of a topic; {right}")
    if not named:
        raise ValueError(f"empty; {right}")
    return tuple(named)


def log_level(value: str) -> str:
    """Return a level's name in capitals.

    Raises:
        ValueError: there is no such level.

    """
    import logging  # noqa: PLC0415 - costs `--help` some milliseconds

    name = value.strip().upper()
    if name not in logging.getLevelNamesMapping():
        raise ValueError("no log level; give DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return name


def log_format(value: str) -> str:
    """Return a format that `logging` can use, as it stands, or `json`.

    Raises:
        ValueError: a log record cannot be written with it.

    """
    import logging  # noqa: PLC0415 - as above

    from loafer.application.handled import NO_MESSAGE  # noqa: PLC0415 - as above

    if value.strip().lower() == JSON:
        return JSON
    try:
        # An empty format would silently become logging's own.
        logging.Formatter(value or " ", defaults=NO_MESSAGE).format(logging.makeLogRecord({}))
    except (ValueError, TypeError, KeyError) as error:
        right = "give json, or one such as '%(levelname)s - %(message)s'"
        raise ValueError(f"no log format ({error}); {right}") from error
    return value


count = optional(whole_number(1))
"""A parser of whole numbers from 1 upwards, or nothing."""

timeout = optional(seconds(above=0))
"""A parser of seconds, or nothing."""

route_retry = optional(retry_delay)
"""A parser of a Retry, or nothing."""
