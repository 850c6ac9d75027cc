"""What is held stays ours: the heartbeat in virtual time, on the same loop."""

import asyncio
from typing import Any

import attrs
import pytest
from world import Faults, FlakyConsumer, World, queue

from loafer.application.options import Options
from loafer.domain.batch import Failure
from loafer.exceptions import ConsumerUnavailable


async def takes_an_hour(content: Any) -> None:
    await asyncio.sleep(3600)


async def test_a_long_handler_keeps_its_message() -> None:
    world = World(queue("orders", "one", visibility_timeout=30), takes_an_hour)
    async with world:
        await asyncio.sleep(3600.5)
        assert len(world.queue) == 0
    assert world.queue.counts["received"] == 1
    assert world.dispatcher.counts["stale"] == 0


async def test_leases_are_extended_every_third_of_the_visibility_timeout_in_batches() -> None:
    world = World(queue("orders", *"x" * 12, visibility_timeout=30), takes_an_hour, Options(max_jobs=12))
    async with world:
        await asyncio.sleep(31)
        extended = [entries for call, entries in world.faults.calls if call == "extend"]
        assert sum(extended) == 3 * 12
        assert max(extended) == 10
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_waiting_messages_are_extended_too() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(0.01 if content == "quick" else 200)

    bodies = ["quick"] * 20 + ["slow"] * 5
    world = World(queue("orders", *bodies, visibility_timeout=10), handle, Options(max_jobs=1))
    async with world:
        await asyncio.sleep(300)
        assert world.queue.counts["received"] == 25
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_an_extension_that_fails_is_tried_again_in_time() -> None:
    faults = Faults(extending=[ConsumerUnavailable("gone"), Failure("throttled"), ConsumerUnavailable("gone")])
    world = World(queue("orders", "one", visibility_timeout=30), takes_an_hour, faults=faults)
    async with world:
        await asyncio.sleep(60)
        assert world.queue.counts["received"] == 1
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_the_heartbeat_opens_one_consumer_a_route_and_tries_again_where_it_could_not() -> None:
    opened = []

    @attrs.define(eq=False)
    class Counting(World):
        def consumer(self) -> FlakyConsumer:
            opened.append(asyncio.get_running_loop().time())
            return super().consumer()

    faults = Faults(opening=[None, ConsumerUnavailable("gone")])
    world = Counting(queue("orders", "one", visibility_timeout=30), takes_an_hour, faults=faults)
    async with world:
        await asyncio.sleep(300)
        assert world.queue.counts["received"] == 1
        world.dispatcher.stop()
        world.dispatcher.stop()
    assert opened == pytest.approx([0, 10, 11], abs=0.6), "the route's own, one that failed, and one that serves on"


async def test_every_lease_that_is_lost_is_counted() -> None:
    faults = Faults(extending=[Failure("the receipt is no longer valid", retryable=False)] * 2)
    world = World(queue("orders", "one", "two", visibility_timeout=30), takes_an_hour, faults=faults)
    async with world:
        await asyncio.sleep(15)
        assert world.dispatcher.counts["leases_lost"] == 2
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_an_extension_call_that_is_stuck_delays_no_other() -> None:
    stuck, free = Faults(extension_delay=1e6), Faults()
    slow = World(queue("stuck", "one", visibility_timeout=30), takes_an_hour, faults=stuck)
    quick = World(queue("free", "one", visibility_timeout=30), takes_an_hour, faults=free)
    slow.dispatcher.routes = [slow.route(), quick.route()]
    async with slow:
        await asyncio.sleep(100)
        assert quick.queue.counts["received"] == 1
        slow.dispatcher.stop()
        slow.dispatcher.stop()


async def test_an_extension_call_that_is_stuck_is_given_up_in_time_for_another() -> None:
    world = World(queue("orders", "one", visibility_timeout=30), takes_an_hour, faults=Faults(extension_delay=1e6))
    async with world:
        await asyncio.sleep(12)
        world.faults.extension_delay = 0
        await asyncio.sleep(60)
        assert world.queue.counts["received"] == 1
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_a_message_is_kept_invisible_for_as_long_as_sqs_allows_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("loafer.domain.lease.LONGEST_VISIBILITY", 600)  # 12 hours, in less time

    world = World(queue("orders", "one", visibility_timeout=60), takes_an_hour)
    async with world:
        await asyncio.sleep(600 - 10)
        assert world.queue.counts["received"] == 1
        await asyncio.sleep(10)
        assert world.queue.counts["received"] == 2
        assert world.dispatcher.counts["duplicates"] == 1
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_a_message_whose_lease_ended_while_it_waited_is_not_started(caplog: pytest.LogCaptureFixture) -> None:
    started: list[Any] = []

    async def handle(content: str) -> None:
        started.append(content)
        await asyncio.sleep(20 if content == "slow" else 0.001)

    refused = Failure("the receipt is no longer valid", retryable=False)
    bodies = ["quick"] * 9 + ["slow", "waits"]
    world = World(queue("orders", *bodies, visibility_timeout=9), handle, Options(max_jobs=1, prefetch=20))
    world.batch_size = 20
    async with world:
        await asyncio.sleep(1)
        world.faults.extending += [refused] * 2
        await asyncio.sleep(25)
    assert "it is not started" in caplog.text


async def test_a_message_is_released_only_when_its_extension_has_ended() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(10.2)
        raise ValueError

    faults = Faults(extension_delay=0.8)  # the extension at 10 s is still under way when the handler fails
    world = World(queue("orders", "one", visibility_timeout=30), handle, Options(retry_delay=1), faults)
    async with world:
        await asyncio.sleep(13)
        assert len(world.dispatcher.counts) > 0
        assert world.queue.counts["received"] == 2
        world.dispatcher.stop()
        world.dispatcher.stop()
