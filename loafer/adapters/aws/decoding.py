"""From an answer's bytes to its JSON object, whichever transport brought them."""

from functools import partial
from typing import Any

from loafer.adapters.aws.aside import aside
from loafer.adapters.aws.bounds import Excess
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.large_bodies import bodies_apart
from loafer.adapters.aws.sieve import is_plain, sifted, value_of
from loafer.adapters.aws.zipped import is_zipped, unzipped

ON_LOOP = 1024 * 1024
"""Bytes of an answer that is decoded at once; a larger one is on a thread, so that the event loop goes on."""


async def decoded(body: bytes | bytearray, entries: int, room: int) -> dict[str, Any]:
    """Return the object that an answer is; one that was compressed on the way may be so many bytes by itself.

    Raises:
        Excess: it has more than so many entries.
        UnreadableAnswer: it is no JSON object.

    """
    if not body:
        return {}
    try:
        if len(body) <= ON_LOOP and is_plain(body):
            found = value_of(body)
        else:
            found = await aside(partial(_looked_through, body, entries))
    except ValueError as error:
        if not is_zipped(body):
            raise UnreadableAnswer("the answer is not JSON") from error
        return await decoded(await aside(partial(unzipped, body, room)), entries, room=0)  # nobody compresses it twice
    if not isinstance(found, dict):
        raise UnreadableAnswer("the answer is no JSON object")
    for value in found.values():
        if isinstance(value, list) and len(value) > entries:
            raise Excess(f"the answer has {len(value)} entries where {entries} were asked for")
    return found


def _looked_through(body: bytes | bytearray, entries: int) -> Any:
    """Return the value of a large answer; raises as `sifted`, which takes a few times as long as what comes first."""
    if is_zipped(body):
        raise ValueError("what is in it cannot be looked at yet")
    found = bodies_apart(body, entries)
    return sifted(body, entries) if found is None else found
