"""Batches on a real queue: a process that dies in the middle of one loses nothing."""

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest
from command import Shell
from endpoints import client, create_queue, queue_counts, unique

PROGRAM = """
import asyncio
import os
from pathlib import Path

from loafer import Item, Loafer

app = Loafer()
SAVED = Path("saved")


@app.batch(os.environ["CLICKS"], size=100, wait=0.5, max_jobs=1, options={"WaitTimeSeconds": 1})
async def save_clicks(batch: list[Item[dict[str, int]]]) -> None:
    if SAVED.exists() and not Path("died").exists():
        print("in the middle", flush=True)
        await asyncio.sleep(60)
    with SAVED.open("a") as file:
        file.writelines(f"{item.content['number']}\\n" for item in batch)
"""


@pytest.mark.slow
async def test_what_dies_in_the_middle_of_a_batch_loses_nothing(
    tmp_path: Path, on_ministack: str, aws_environ: pytest.MonkeyPatch
) -> None:
    queue, shell = await create_queue(unique("clicks"), VisibilityTimeout="4"), Shell(tmp_path)
    aws_environ.setenv("CLICKS", queue)
    shell.write("shop.py", PROGRAM)
    async with client("sqs") as sqs:
        for first in range(0, 250, 10):
            entries = [{"Id": str(n), "MessageBody": json.dumps({"number": n})} for n in range(first, first + 10)]
            await sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    with shell.running("loafer run shop:app", says="handler:") as worker:
        worker.prints("in the middle")
        assert worker.stop(signal.SIGKILL) == -signal.SIGKILL
    assert len(shell.read("saved").split()) < 250
    shell.write("died", "")
    with shell.running("loafer run shop:app", says="handler:") as worker:
        deadline = time.monotonic() + 60
        while {int(number) for number in shell.read("saved").split()} != set(range(250)):
            assert time.monotonic() < deadline, worker.printed
            await asyncio.sleep(0.1)
        assert worker.stop() == 0
    assert sum(await queue_counts(queue)) == 0
