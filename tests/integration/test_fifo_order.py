"""FIFO queues: order within every group, whatever fails, and nobody pays for the failure of another."""

import asyncio
import json
from pathlib import Path

import pytest
from endpoints import client, create_redriven_queue, queue_counts, unique
from workers import Worker

GROUPS, MESSAGES, ATTEMPTS, ALWAYS_FAILS = 50, 20, 3, 7
OPTIONS = ("--consumer-opts", '{"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}', "--retry-delay", "0.05")

pytestmark = pytest.mark.usefixtures("transport")


async def fill(url: str) -> None:
    """Send 20 messages to each of 50 groups, in order."""
    async with client("sqs") as sqs:
        for number in range(MESSAGES):
            for start in range(0, GROUPS, 10):
                entries = [
                    {
                        "Id": str(group),
                        "MessageBody": json.dumps({"group": group, "n": number}),
                        "MessageGroupId": str(group),
                        "MessageDeduplicationId": f"{group}-{number}",
                    }
                    for group in range(start, start + 10)
                ]
                await sqs.send_message_batch(QueueUrl=url, Entries=entries)


async def bodies(url: str) -> list[dict[str, int]]:
    """Receive everything that is on a queue."""
    found = []
    async with client("sqs") as sqs:
        while messages := (await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                await sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("on_ministack")
async def test_groups_keep_their_order_and_only_what_fails_every_time_reaches_the_dead_letter_queue(
    tmp_path: Path,
) -> None:
    queue, dead_letters = await create_redriven_queue(unique("fifo.fifo"), ATTEMPTS, VisibilityTimeout="20")
    await fill(queue)
    with Worker(tmp_path, queue, "fails_at_random", OPTIONS) as worker:
        while await queue_counts(queue) != (0, 0):
            await asyncio.sleep(0.5)
            assert worker.process.poll() is None
        assert worker.stop() == 0
    dead = await bodies(dead_letters)
    started = [tuple(map(int, what.split("-"))) for what, _ in worker.times]
    for group in range(GROUPS):
        numbers = [number for which, number in started if which == group]
        assert numbers == sorted(numbers)
        assert set(numbers) == set(range(MESSAGES))
    moved = {(body["group"], body["n"]) for body in dead}
    assert {(group, ALWAYS_FAILS) for group in range(GROUPS)} <= moved
    assert len(dead) == len(moved)
    for group, number in moved:
        assert worker.runs[f"{group}-{number}"] == ATTEMPTS
