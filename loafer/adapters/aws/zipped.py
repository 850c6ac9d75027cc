"""Answers that something on the way has compressed with gzip, though they are asked for as they are."""

from loafer.adapters.aws.bounds import TOO_LARGE, Excess
from loafer.adapters.aws.details import UnreadableAnswer

_MAGIC = b"\x1f\x8b"
_GZIP = 31
"""What zlib calls the format, with the largest window."""

_DAMAGED = "something on the way, a proxy perhaps, compressed the answer with gzip, unasked, and damaged it"


def is_zipped(body: bytes | bytearray) -> bool:
    """Tell whether an answer is compressed, by its first bytes: neither JSON nor XML begins so."""
    return body.startswith(_MAGIC)


def unzipped(body: bytes | bytearray, room: int) -> bytes:
    """Return what a compressed answer is, in `room` bytes at most; takes a while for a large one.

    Raises:
        Excess: it is larger.
        UnreadableAnswer: it is damaged.

    """
    import zlib  # noqa: PLC0415 - hardly anybody needs it

    reading = zlib.decompressobj(_GZIP)
    try:
        found = reading.decompress(body, room + 1)
    except zlib.error as error:
        raise UnreadableAnswer(_DAMAGED) from error
    if len(found) > room:
        raise Excess(TOO_LARGE)
    if not reading.eof or reading.unused_data:
        raise UnreadableAnswer(_DAMAGED)
    return found
