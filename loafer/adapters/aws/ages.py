"""How old the oldest messages are: SQS tells CloudWatch alone, once a minute."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from loafer.adapters.aws.calls import Client, called, reading

METRIC = "ApproximateAgeOfOldestMessage"

MOST = 500
"""Queues that one call may ask for."""

LATEST = timedelta(minutes=10)
"""Within which time the latest value is looked for: values come some minutes late."""


async def ages_of(client: Client, names: Sequence[str]) -> dict[str, float]:
    """Return how many seconds old the oldest message of each queue was when that was last told, by the queues' names.

    Raises what the SDK raises, and UnreadableAnswer.
    """
    found, now = dict[str, float](), datetime.now(UTC)
    within = {"StartTime": now - LATEST, "EndTime": now}
    for start in range(0, len(names), MOST):
        asked = {f"q{number}": name for number, name in enumerate(names[start : start + MOST])}
        queries = [_query(number, name) for number, name in asked.items()]
        answer = await called(client, "get_metric_data", {"MetricDataQueries": queries, **within})
        with reading():
            found |= dict(_ages_in(answer, asked))
    return found


def _query(number: str, name: str) -> dict[str, Any]:
    metric = {"Namespace": "AWS/SQS", "MetricName": METRIC, "Dimensions": [{"Name": "QueueName", "Value": name}]}
    return {"Id": number, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}


def _ages_in(answer: Mapping[str, Any], asked: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    for each in answer.get("MetricDataResults") or ():
        told = zip(each.get("Timestamps") or (), each.get("Values") or (), strict=False)
        _, age = max(told, default=(None, -1.0))
        if each["Id"] in asked and math.isfinite(age) and age >= 0:
            yield asked[each["Id"]], float(age)
