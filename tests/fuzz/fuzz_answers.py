"""Answers of SQS, as JSON: of a receive and of a batch."""

from collections.abc import Callable
from typing import Any

from fuzz_expecting import expect

from loafer.adapters.aws.answers import count_in, mapping_in, messages_in, redrive_policy_in, text_in
from loafer.adapters.aws.batches import results_of
from loafer.adapters.aws.bounds import Excess
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.large_bodies import bodies_apart
from loafer.adapters.aws.sieve import entry_by_entry, sifted, value_of

ENTRIES = 10

_NOTHING: Any = object()


def receive(data: bytes) -> None:
    """An answer to ReceiveMessage, decoded whole, entry by entry, and its bodies apart."""
    whole = _decoded(lambda: value_of(data))
    sieved = _decoded(lambda: entry_by_entry(data, ENTRIES))
    if whole is not _NOTHING and sieved is not _NOTHING:
        expect(_same(whole, sieved), "entry by entry it is something else")
    apart = bodies_apart(data, ENTRIES)
    if apart is not None:
        expect(_same(whole, apart), "with its bodies apart it is something else")
    for answer in (whole, sieved):
        if isinstance(answer, dict):
            _read(answer)


def batch(data: bytes) -> None:
    """An answer to a batch; the first byte says of how many entries."""
    size, data = (data[0] % ENTRIES + 1) if data else 1, data[1:]
    answer = _decoded(lambda: sifted(data, size))
    if isinstance(answer, dict):
        results = results_of(answer, size)
        expect(len(results) == size, "an entry has no result")
        for result in results:
            expect(result is None or result.reason.isprintable(), "a reason would break the log")


def _decoded(decode: Callable[[], Any]) -> Any:
    try:
        return decode()
    except (ValueError, Excess):
        return _NOTHING


def _same(whole: Any, sieved: Any) -> bool:
    return repr(whole) == repr(sieved)  # where NaN is NaN


def _read(answer: dict[str, Any]) -> None:
    for read in (
        lambda: messages_in(answer, "orders", ENTRIES),
        lambda: text_in(answer, "QueueUrl"),
        lambda: redrive_policy_in(mapping_in(answer, "Attributes")),
        lambda: count_in(mapping_in(answer, "Attributes"), "VisibilityTimeout"),
    ):
        try:
            found = read()
        except UnreadableAnswer:
            continue
        for message in found if isinstance(found, list) else ():
            expect(message.id and message.receipt.isascii(), "a message has no id or no receipt")
            expect(isinstance(message.body, str) and message.receive_count > 0, "a message is none")
            hash((message.group, message.deduplication_id))
