"""Hosts are looked up on threads of our own, once for all that ask at a time."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from loafer.adapters.aws.names import LookUp
from loafer.adapters.aws.sdk_names import resolver

FOUND: list[tuple[Any, ...]] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]


class Names:
    """A name service that answers when it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)

    def getaddrinfo(self, host: str, _port: int, **_: object) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        assert self.go.wait(60)
        if host == "nowhere":
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return FOUND


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run on an event loop of asyncio's own, and in real time: what is waited for are threads."""
    asyncio.run(main())


def test_names_are_looked_up_though_handlers_fill_the_threads_of_the_event_loop(names: Names) -> None:
    async def main() -> None:
        loop, ends = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        filled = loop.run_in_executor(None, ends.wait, 60)
        names.go.set()
        async with asyncio.timeout(60):
            assert await LookUp("host", 80).addresses() == FOUND
            [found] = await resolver().resolve("host", 80)
        assert (found["host"], found["port"]) == ("127.0.0.1", 80)
        ends.set()
        assert await filled

    run(main)


def test_all_that_ask_at_a_time_wait_for_one_look_up(names: Names) -> None:
    async def main() -> None:
        look_up = LookUp("host", 80)
        asking = [asyncio.create_task(look_up.addresses()) for _ in range(10)]
        await asyncio.sleep(0)
        names.go.set()
        assert await asyncio.gather(*asking) == [FOUND] * 10
        assert names.asked == ["host"]
        assert await look_up.addresses() == FOUND
        assert names.asked == ["host"] * 2, "what was found once may not be true for ever"

    run(main)


def test_who_gives_a_look_up_up_leaves_it_to_the_others(names: Names) -> None:
    async def main() -> None:
        look_up = LookUp("host", 80)
        impatient, patient = (asyncio.create_task(look_up.addresses()) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait([impatient])
        names.go.set()
        assert await patient == FOUND
        assert names.asked == ["host"]

    run(main)


def test_a_look_up_that_fails_when_nobody_waits_any_more_is_forgotten(names: Names) -> None:
    async def main() -> None:
        problems: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, problem: problems.append(problem))
        look_up = LookUp("nowhere", 80)
        asking = asyncio.create_task(look_up.addresses())
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        names.go.set()
        with pytest.raises(socket.gaierror):
            await look_up.addresses()
        del look_up
        await asyncio.sleep(0)
        assert problems == []

    run(main)


def test_an_address_is_not_looked_up_on_a_thread() -> None:
    async def main() -> None:
        before = set(threading.enumerate())
        for host in ("127.0.0.1", "::1"):
            [(_, _, _, _, address), *_] = await LookUp(host, 80).addresses()
            assert address[:2] == (host, 80)
        assert set(threading.enumerate()) <= before

    run(main)
