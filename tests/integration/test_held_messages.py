"""What is held stays held: long handlers and blocked event loops do not make a message run twice."""

import asyncio
from pathlib import Path

import pytest
from endpoints import FastSQS
from workers import Worker, wait_until

OPTIONS = ("--consumer-opts", '{"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}')

pytestmark = pytest.mark.usefixtures("transport")


@pytest.mark.slow
async def test_functions_that_take_longer_than_the_visibility_timeout_run_once(
    fast_sqs: FastSQS, tmp_path: Path
) -> None:
    await fast_sqs.fill("long", 40, visibility=3)
    options = (*OPTIONS, "--max-jobs", "20", "--max-threads", "20")
    with Worker(tmp_path, "long", "takes_8_s_in_a_thread", options) as worker:
        while (await fast_sqs.stats())["queues"]["long"]["deleted"] < 40:
            await asyncio.sleep(0.2)
        assert worker.stop() == 0
    assert len(worker.runs) == 40
    assert set(worker.runs.values()) == {1}
    assert (await fast_sqs.stats())["queues"]["long"]["redelivered"] == 0


@pytest.mark.slow
async def test_a_coroutine_that_blocks_the_loop_does_not_make_messages_run_twice(
    fast_sqs: FastSQS, tmp_path: Path
) -> None:
    await fast_sqs.fill("blocked", 6, visibility=3)
    with Worker(tmp_path, "blocked", "blocks_the_loop_for_5_s", OPTIONS) as worker:
        while (await fast_sqs.stats())["queues"]["blocked"]["deleted"] < 6:
            await asyncio.sleep(0.2)
        assert worker.stop() == 0
    assert len(worker.runs) == 6
    assert set(worker.runs.values()) == {1}
    log = worker.log.read_text()
    assert "the event loop has been blocked for" in log
    assert "time.sleep(5)" in log


@pytest.mark.slow
async def test_one_slow_message_does_not_hold_up_a_thousand_quick_ones(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("mixed", 1001)
    with Worker(tmp_path, "mixed", "first_takes_10_s", (*OPTIONS, "--max-jobs", "2")) as worker:
        await asyncio.to_thread(wait_until, lambda: len(worker.runs) == 1001)
        assert worker.stop() == 0
    times = dict(worker.times)
    assert max(at for what, at in times.items() if what != "0") < times["0"] - 5
