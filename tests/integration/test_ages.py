"""`loafer queues --age` where CloudWatch has a value, and where nobody may ask for it."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command import Shell
from endpoints import client, create_queue, unique
from recorder import recording
from test_calls import CALLS


@pytest.mark.parametrize("endpoint", ["ministack", "moto"])
async def test_the_latest_value_of_cloudwatch_is_shown(
    endpoint: str, request: pytest.FixtureRequest, aws_environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url: str = request.getfixturevalue(f"on_{endpoint}")
    queue = unique("orders")
    await create_queue(queue)
    await create_queue(f"{queue}-2")
    dimensions = [{"Name": "QueueName", "Value": queue}]
    now = datetime.now(UTC)
    async with client("cloudwatch") as cloudwatch:
        for ago, value in ((4, 42.0), (3, 77.0)):
            data = {"MetricName": "ApproximateAgeOfOldestMessage", "Dimensions": dimensions, "Value": value}
            data["Timestamp"] = now - timedelta(minutes=ago)
            await cloudwatch.put_metric_data(Namespace="AWS/SQS", MetricData=[data])
    with recording(url) as recorder:
        command = f"AWS_ENDPOINT_URL={recorder.url} loafer queues {queue} --age --interval 0"
        told = await asyncio.to_thread(Shell(tmp_path).run, command, seconds=60)
    assert [re.split(r" {2,}", line) for line in told.stdout.splitlines()] == [
        ["queue", "waiting", "oldest"],
        [queue, "0", "1 min 17 s"],
        [f"{queue}-2", "0", "-"],
    ]
    assert recorder.calls == CALLS["`loafer queues`"] | CALLS["`loafer queues --age` besides"]


async def test_without_cloudwatch_the_rest_is_shown_and_why_is_one_line(
    on_ministack: str, aws_environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    queue = unique("orders")
    await create_queue(queue)
    command = f"AWS_ENDPOINT_URL_CLOUDWATCH=http://127.0.0.1:1 loafer queues {queue} --age --interval 0"
    told = await asyncio.to_thread(Shell(tmp_path).run, f"AWS_ENDPOINT_URL={on_ministack} {command}", seconds=60)
    assert told.returncode == 0
    assert [re.split(r" {2,}", line) for line in told.stdout.splitlines()][1] == [queue, "0", "-"]
    [line] = told.stderr.splitlines()
    assert line.startswith("loafer: how old messages are is not known: CloudWatch cannot be reached for now")
