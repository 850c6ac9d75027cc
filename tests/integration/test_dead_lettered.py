"""An application that gives messages up after so many attempts, on a queue that would not yet."""

import asyncio

import pytest
from endpoints import create_queue, create_redriven_queue, queue_counts, send, unique

from loafer import ConfigurationError, Loafer, Message, Retry


@pytest.mark.parametrize("suffix", ["", ".fifo"])
async def test_a_message_is_moved_after_its_last_attempt_and_the_next_one_is_handled(
    suffix: str, on_ministack: str
) -> None:
    source, letters = await create_redriven_queue(unique(f"orders{suffix}"), attempts=9)
    app, attempts, good = Loafer(), list[int](), asyncio.Event()

    @app.route(source, retry=Retry(delay=0, dead_letter_after=2), options={"WaitTimeSeconds": 1})
    async def handle(content: str, message: Message) -> None:
        if content == "bad":
            attempts.append(message.attempt)
            raise ValueError
        good.set()

    for number, body in enumerate(['"bad"', '"good"']):
        fifo = {"MessageGroupId": "g", "MessageDeduplicationId": str(number)} if suffix else {}
        await send(source, body, **fifo)
    async with app.running(), asyncio.timeout(60):
        await good.wait()
        while await queue_counts(letters) != (1, 0):
            await asyncio.sleep(0.05)
    assert attempts == [1, 2]
    assert await queue_counts(source) == (0, 0)


async def test_a_queue_without_a_redrive_policy_ends_the_start_with_the_line_of_the_route(on_ministack: str) -> None:
    app = Loafer()

    @app.route(await create_queue(unique("orders")), retry=Retry(dead_letter_after=2))
    async def handle(content: str) -> None: ...

    with pytest.raises(ConfigurationError, match=r"test_dead_lettered\.py:\d+: route .* has no redrive policy"):
        async with app.running() as worker, asyncio.timeout(60):
            await worker.ready()
