"""Settlements are split to the service's limit, and every entry has its own result."""

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.aws.batches import Entry, results_of, settle
from loafer.exceptions import ConsumerError, ConsumerUnavailable


@attrs.define
class FakeCall:
    """Answers that every entry is done, but for the calls whose first receipt has an error."""

    errors: Mapping[int, Exception] = attrs.field(factory=dict)
    chunks: list[list[Entry]] = attrs.field(factory=list)

    async def __call__(self, chunk: list[Entry]) -> Mapping[str, Any]:
        self.chunks.append(chunk)
        if error := self.errors.get(chunk[0]["ReceiptHandle"]):
            raise error
        return {"Successful": [{"Id": entry["Id"]} for entry in reversed(chunk)]}


def entries(count: int) -> list[Entry]:
    return [{"ReceiptHandle": number} for number in range(count)]


@given(count=st.integers(0, 60))
async def test_every_entry_goes_out_once_in_calls_of_ten_at_most(count: int) -> None:
    call = FakeCall()
    assert await settle(call, entries(count)) == [None] * count
    assert sorted(entry["ReceiptHandle"] for chunk in call.chunks for entry in chunk) == list(range(count))
    assert all(1 <= len(chunk) <= 10 for chunk in call.chunks)


async def test_ids_are_positions() -> None:
    call = FakeCall()
    await settle(call, entries(12))
    assert [[entry["Id"] for entry in chunk] for chunk in call.chunks] == [list("0123456789"), list("01")]


async def test_a_receipt_that_is_there_twice_is_sent_once_and_has_its_result_twice() -> None:
    call = FakeCall({1: ConsumerUnavailable("no network")})
    first, second = await settle(call, [{"ReceiptHandle": 1}, {"ReceiptHandle": 1}])
    assert [len(chunk) for chunk in call.chunks] == [1]
    assert first is second is not None


@pytest.mark.parametrize("count", [10, 25])
async def test_a_call_that_could_not_be_made_fails_its_own_entries_and_may_be_repeated(count: int) -> None:
    call = FakeCall({0: ConsumerUnavailable("no network")})
    results = await settle(call, entries(count))
    assert [result.retryable for result in results[:10] if result] == [True] * 10
    assert results[10:] == [None] * (count - 10)


async def test_a_fatal_error_is_raised_after_the_other_calls_were_made() -> None:
    call = FakeCall({0: ConsumerError("gone")})
    with pytest.raises(ConsumerError, match="gone"):
        await settle(call, entries(25))
    assert len(call.chunks) == 3


@pytest.mark.parametrize(
    ("failed", "retryable"),
    [
        ({"Code": "InternalError", "SenderFault": False}, True),
        ({"Code": "ServiceUnavailable"}, True),
        ({"Code": "RequestThrottled", "SenderFault": True}, True),
        ({"Code": "ReceiptHandleIsInvalid", "SenderFault": True}, False),
        ({"Code": "ReceiptHandleIsInvalid", "SenderFault": False}, False),
        ({"Code": "InvalidParameterValue"}, False),
        ({"Code": "AWS.SimpleQueueService.MessageNotInflight"}, False),
        ({"Code": "MessageNotInflight", "SenderFault": False}, False),
        ({"Code": "AWS.SimpleQueueService.MessageNotInFlight", "SenderFault": False}, False),
        ({"Code": "InvalidParameterValueException", "SenderFault": False}, False),
        ({"Code": "com.amazonaws.sqs#ReceiptHandleIsInvalid", "SenderFault": False}, False),
        ({"Code": "ReceiptHandleIsInvalidException"}, False),
        ({"Code": "InvalidIdFormat"}, False),
        ({"Code": "InvalidReceiptHandle"}, False),
        ({"Code": "MessageDoesNotExist"}, False),
        ({"Code": "KeyError", "SenderFault": False}, True),
        ({"SenderFault": True}, True),
        ({"Code": "AccessDenied", "SenderFault": True}, True),
        ({"Code": "KmsDisabled", "SenderFault": True}, True),
        ({"Code": "", "SenderFault": True}, True),
        ({"Code": "Unheard", "SenderFault": True}, True),
        ({}, True),
    ],
    ids=str,
)
def test_a_failed_entry_may_be_repeated_unless_its_lease_is_lost(failed: dict[str, Any], retryable: bool) -> None:
    answer = {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Message": "because", **failed}]}
    done, failure = results_of(answer, 2)
    assert done is None
    assert failure is not None
    assert failure.retryable is retryable
    assert failure.reason.endswith(": because")


def test_an_entry_that_the_answer_leaves_out_has_failed() -> None:
    [failure] = results_of({}, 1)
    assert failure is not None
    assert failure.retryable
