from datetime import UTC, datetime
from typing import Any

import pytest
from sqs_fakes import FakeSQS, refusal

from loafer.adapters.aws import session
from loafer.adapters.aws.ages import ages_of
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.reader import AWSReader
from loafer.exceptions import AccessDenied, ConsumerUnavailable


def told(*values: tuple[str, list[Any]]) -> dict[str, Any]:
    """Return an answer with values, of which each is a minute older than the one before it."""
    return {
        "MetricDataResults": [
            {
                "Id": name,
                "Values": found,
                "Timestamps": [datetime(2026, 11, 28, 12, 59 - n, tzinfo=UTC) for n, _ in enumerate(found)],
            }
            for name, found in values
        ]
    }


async def test_each_queue_has_its_latest_value_and_those_without_one_are_left_out() -> None:
    client = FakeSQS({"get_metric_data": told(("q1", [42.0, 7.0]), ("q0", []), ("q2", [0]))})
    assert await ages_of(client, ["orders", "ledger", "empty"]) == {"ledger": 42.0, "empty": 0.0}
    [said] = client.said("get_metric_data")
    assert [query["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for query in said["MetricDataQueries"]] == [
        "orders",
        "ledger",
        "empty",
    ]


async def test_a_call_asks_for_five_hundred_queues_at_most_and_none_is_made_for_none() -> None:
    client = FakeSQS({"get_metric_data": told(("q0", [1]))})
    found = await ages_of(client, [f"queue-{number}" for number in range(1001)])
    assert [len(said["MetricDataQueries"]) for said in client.said("get_metric_data")] == [500, 500, 1]
    assert found == {"queue-0": 1, "queue-500": 1, "queue-1000": 1}
    assert await ages_of(client, []) == {}
    assert len(client.calls) == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1])
async def test_what_is_no_age_is_left_out(value: float) -> None:
    client = FakeSQS({"get_metric_data": told(("q0", [value]), ("q9", [1]))})
    assert await ages_of(client, ["orders"]) == {}


@pytest.mark.parametrize(
    "answer", [{"MetricDataResults": [1]}, {"MetricDataResults": [{"Values": []}]}, told(("q0", [None]))]
)
async def test_an_answer_that_is_none_is_told_as_such(answer: dict[str, Any]) -> None:
    with pytest.raises(UnreadableAnswer):
        await ages_of(FakeSQS({"get_metric_data": answer}), ["orders"])


async def test_a_refusal_is_one_of_cloudwatch(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSQS({"get_metric_data": refusal("AccessDenied", 403)})
    monkeypatch.setattr(session, "create_client", fake.create)
    reader = AWSReader()
    with pytest.raises(AccessDenied, match=r"^CloudWatch: access denied"):
        await reader.ages(["orders"])
    fake.answers["get_metric_data"] = TimeoutError()
    with pytest.raises(ConsumerUnavailable, match=r"^CloudWatch cannot be reached for now"):
        await reader.ages(["orders"])
    await reader.close()
