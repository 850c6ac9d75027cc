"""The SDK's parsers, which get an answer as it was decoded within its bounds, and never keep the event loop."""

from contextvars import ContextVar
from functools import partial
from typing import Any

import attrs
from botocore.parsers import create_parser

from loafer.adapters.aws.aside import aside

_ON_LOOP = 16 * 1024  # bytes of an answer that is parsed at once: the SDK takes a microsecond for each of its values

_read: "ContextVar[Read | None]" = ContextVar("read", default=None)


@attrs.frozen
class Read:
    """What came of reading an answer's body.

    Attributes:
        body: The body, by which the parser knows it again.
        value: The JSON value that it is; None where the parser is to decode it.
        error: Why it is not to be parsed; None: it is.

    """

    body: bytes | bytearray = attrs.field(repr=False)
    value: dict[str, Any] | None = attrs.field(default=None, repr=False)
    error: Exception | None = None


def hand_over(read: Read) -> None:
    """Keep what was read for the parser, which the SDK calls in the same task with the body alone."""
    _read.set(read)


@attrs.frozen
class Parsers:
    """Where the SDK gets its parsers from."""

    def create_parser(self, protocol: str) -> "_Parser":
        """Return a parser of a protocol."""
        return _Parser(create_parser(protocol))


@attrs.frozen
class _Parser:
    """What the SDK uses of a parser.

    Attributes:
        parser: The SDK's own, which is not for several tasks at once: each call has a parser.

    """

    parser: Any

    async def parse(self, response: dict[str, Any], shape: Any) -> dict[str, Any]:
        """Return what the SDK makes of an answer; raises what was found while it was read, and what the SDK raises."""
        read = _read.get()
        _read.set(None)
        if read is not None and read.body is response["body"]:
            if read.error is not None:
                raise read.error
            if read.value is not None:
                self.parser._parse_body_as_json = lambda _: read.value  # noqa: SLF001 - it has no other way in
        parse = partial(self.parser.parse, response, shape)
        parsed: dict[str, Any] = parse() if len(response["body"]) <= _ON_LOOP else await aside(parse)
        return parsed
