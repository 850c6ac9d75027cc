"""Settlements in batches: split to the service's limit, every entry with its own result."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from loafer.adapters.aws.answers import POSITIONS, all_succeeded, placed
from loafer.adapters.aws.errors import advice_on, is_passing
from loafer.adapters.aws.telling import told, told_code
from loafer.domain.batch import Failure
from loafer.domain.limits import LARGEST_BATCH
from loafer.exceptions import ConsumerUnavailable

Entry: TypeAlias = dict[str, Any]
Send: TypeAlias = Callable[[list[Entry]], Awaitable[Mapping[str, Any]]]

_LEASE_LOST = {
    "invalididformat",
    "invalidparametervalue",
    "invalidreceipthandle",
    "messagedoesnotexist",
    "messagenotinflight",
    "receipthandleisinvalid",
}
"""How SQS, and what speaks its protocol, calls a receipt that is no longer valid: in small letters, by `_bare`."""


async def settle(send: Send, entries: Sequence[Entry]) -> list[Failure | None]:
    """Send the entries, which are given ids, 10 a call, the calls at once; a result each, in order.

    A call that could not be made (ConsumerUnavailable) becomes a retryable failure of each of its entries, so that it
    never hides what the other calls did; ConsumerError is raised, after the other calls have ended.
    """
    unique = {entry["ReceiptHandle"]: entry for entry in entries}
    if len(unique) == len(entries):
        return await _settle_unique(send, list(entries))
    # A receipt that is there twice is sent once: endpoints differ in what they make of the second.
    results = dict(zip(unique, await _settle_unique(send, list(unique.values())), strict=True))
    return [results[entry["ReceiptHandle"]] for entry in entries]


async def _settle_unique(send: Send, entries: list[Entry]) -> list[Failure | None]:
    chunks = [entries[start : start + LARGEST_BATCH] for start in range(0, len(entries), LARGEST_BATCH)]
    if len(chunks) == 1:
        return await _settle_chunk(send, chunks[0])
    answers = await asyncio.gather(*(_settle_chunk(send, chunk) for chunk in chunks), return_exceptions=True)
    results: list[Failure | None] = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        results += answer
    return results


async def _settle_chunk(send: Send, chunk: list[Entry]) -> list[Failure | None]:
    # Ids are positions: a message may be there twice with two receipts, and equal ids have the whole call refused.
    for position, entry in zip(POSITIONS, chunk, strict=False):
        entry["Id"] = position
    try:
        answer = await send(chunk)
    except ConsumerUnavailable as error:
        return [Failure(str(error))] * len(chunk)
    return results_of(answer, len(chunk))


def results_of(answer: Mapping[str, Any], size: int) -> list[Failure | None]:
    """Return the results in a batch call's answer; an entry that it does not mention has failed."""
    if all_succeeded(answer, size):
        return [None] * size
    results: list[Failure | None] = [Failure("the answer does not mention this entry")] * size
    for position, _ in placed(answer, "Successful", size):
        results[position] = None
    for position, failed in placed(answer, "Failed", size):
        results[position] = failure_of(failed, senders_fault_passes=True)
    return results


def _bare(code: str) -> str:
    """Return a code without what the protocols, and the emulators, put before and behind it."""
    return re.split(r"[.#:]", code)[-1].lower().removesuffix("exception")


def failure_of(entry: Mapping[str, Any], sent: Iterable[str] = (), *, senders_fault_passes: bool = False) -> Failure:
    """Return the failure that a batch call's answer reports for one entry, in which these texts were sent.

    What is the sender's fault does not pass by being sent again, unless it may be a matter of policies or of keys.
    """
    said = str(entry.get("Code") or "")
    code = told_code(said) or "no error code"
    lost = _bare(said) in _LEASE_LOST or bool(said and entry.get("SenderFault") and not senders_fault_passes)
    message = told(str(entry.get("Message") or ""), sent)
    text = f"{code}: {message}{advice_on(message)}" if message else code
    return Failure(text, retryable=is_passing(said) or not lost)
