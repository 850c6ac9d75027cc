"""Credentials are refreshed once at a time, beside the calls that need them, and used until they end."""

import asyncio
import threading
from typing import Any

import attrs
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError, NoCredentialsError

from loafer.adapters.aws.credentials import PAUSE, Known, Pool, SharedCredentials

HOUR = 3600.0


def now() -> float:
    return asyncio.get_running_loop().time()


@attrs.define(eq=False)
class Source:
    """What the SDK makes of a source of credentials: they last for so long, and refreshing takes its time."""

    lasts: float = HOUR
    takes: float = 0.0
    failing: bool = False
    reads: list[float] = attrs.field(factory=list)
    running: int = 0
    ends_at: float = 0.0
    _frozen_credentials: Any = None

    async def read(self) -> None:
        self.running += 1
        assert self.running == 1, "two refreshes run at once"
        self.reads.append(now())
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.running -= 1
        if self.failing:
            raise CredentialRetrievalError(provider="custom-process", error_msg="no")
        self.ends_at = now() + self.lasts
        self._frozen_credentials = Credentials(f"id{len(self.reads)}", "secret").get_frozen_credentials()

    async def load(self) -> "Source":
        await self.read()
        return self

    def refresh_needed(self, refresh_in: float) -> bool:
        return self.ends_at - now() < refresh_in

    async def get_frozen_credentials(self) -> Any:
        if self.refresh_needed(15 * 60):
            await self.read()
        return self._frozen_credentials


def shared(source: Source, pool: Pool | None = None) -> SharedCredentials:
    return SharedCredentials(source.load, pool or Pool(clock=now), lambda error: error)


async def key(credentials: SharedCredentials) -> str:
    return str((await credentials.get_frozen_credentials()).access_key)


async def test_all_that_need_the_first_credentials_wait_for_one_read() -> None:
    source = Source(takes=3)
    credentials = shared(source)
    assert await asyncio.gather(*(key(credentials) for _ in range(20))) == ["id1"] * 20
    assert len(source.reads) == 1
    assert now() == pytest.approx(3)


async def test_a_source_slower_than_a_call_s_time_limit_is_read_once_and_to_its_end() -> None:
    source = Source(takes=7)
    credentials = shared(source)
    for _ in range(6):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await key(credentials)
    assert await key(credentials) == "id1"
    assert len(source.reads) == 1
    assert now() == pytest.approx(7)


async def test_credentials_are_refreshed_before_they_end_and_nobody_waits_for_it() -> None:
    source = Source(takes=60)
    credentials = shared(source)
    assert await key(credentials) == "id1"
    await asyncio.sleep(HOUR - 10 * 60)
    began = now()
    assert await asyncio.gather(*(key(credentials) for _ in range(5))) == ["id1"] * 5
    assert now() == pytest.approx(began)
    await asyncio.sleep(61)
    assert await key(credentials) == "id2"
    assert len(source.reads) == 2


async def test_credentials_that_do_not_last_long_are_refreshed_once_a_time_and_not_at_every_call() -> None:
    source = Source(lasts=120)
    credentials = shared(source)
    for _ in range(1200):
        await key(credentials)
        await asyncio.sleep(1)
    assert 10 <= len(source.reads) <= 14


async def test_a_refresh_that_fails_is_told_once_and_the_old_ones_are_used_until_they_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    source = Source(lasts=120)
    credentials = shared(source)
    await key(credentials)
    source.failing = True
    while now() < 114:
        assert await key(credentials) == "id1"
        await asyncio.sleep(1)
    assert len(source.reads) <= 2 + 30 / PAUSE
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "could not be refreshed, and are used until they end" in record.getMessage()
    await asyncio.sleep(6)
    with pytest.raises(CredentialRetrievalError):
        await key(credentials)
    source.failing = False
    await asyncio.sleep(PAUSE)
    assert (await key(credentials)).startswith("id")
    assert caplog.messages[-1] == "the credentials are refreshed again"


async def test_a_source_that_fails_is_not_read_more_often_than_every_few_seconds_however_many_ask() -> None:
    source = Source(failing=True)
    credentials = shared(source)
    while now() < 60:
        with pytest.raises(CredentialRetrievalError):
            await key(credentials)
        await asyncio.sleep(0.2)
    assert len(source.reads) <= 60 / PAUSE


async def test_sessions_of_other_threads_take_over_what_one_has_found() -> None:
    pool, first, second = Pool(clock=now), Source(takes=60), Source(takes=60)
    one, other = shared(first, pool), shared(second, pool)
    assert await key(one) == await key(other) == "id1"
    await asyncio.sleep(HOUR - 10 * 60)
    assert await key(one) == await key(other) == "id1"
    await asyncio.sleep(61)
    assert await key(one) == await key(other) == "id2"
    assert (len(first.reads), second.reads) == (2, [])


async def test_a_session_whose_credentials_have_ended_does_not_wait_for_another_thread() -> None:
    pool, stuck, sound = Pool(clock=now), Source(lasts=100), Source()
    one, other = shared(stuck, pool), shared(sound, pool)
    await key(one)
    stuck.takes = 1e6
    await asyncio.sleep(101)
    waiting = asyncio.create_task(key(one))
    await asyncio.sleep(1)
    assert await key(other) == "id1"
    assert len(sound.reads) == 1
    waiting.cancel()
    await one.close()


async def test_credentials_without_an_end_are_read_once() -> None:
    reads = 0

    class Static:
        async def get_frozen_credentials(self) -> Any:
            return Credentials("id", "secret", account_id="1").get_frozen_credentials()

    async def load() -> Static:
        nonlocal reads
        reads += 1
        return Static()

    credentials = SharedCredentials(load, Pool(), lambda error: error)
    assert {await key(credentials) for _ in range(3)} == {"id"}
    assert reads == 1
    assert await credentials.get_account_id() == await credentials.get_deferred_property("account_id")() == "1"


async def test_where_there_are_none_that_is_what_is_raised() -> None:
    async def load() -> None:
        return None

    with pytest.raises(NoCredentialsError):
        await key(SharedCredentials(load, Pool(clock=now), lambda error: error))


async def test_closing_gives_a_refresh_up_and_whoever_waits_is_told_and_not_cancelled() -> None:
    source = Source(takes=60)
    credentials = shared(source)
    waiting = asyncio.create_task(key(credentials))
    await asyncio.sleep(1)
    await credentials.close()
    with pytest.raises(CredentialRetrievalError, match="given up"):
        await waiting
    assert source.running == 0
    assert len(asyncio.all_tasks()) == 1


def test_another_event_loop_of_the_same_thread_begins_anew() -> None:
    ends = threading.Event()

    async def load() -> Any:
        if not ends.is_set():
            await asyncio.get_running_loop().create_future()
        return Static()

    class Static:
        async def get_frozen_credentials(self) -> Any:
            return Credentials("id", "secret").get_frozen_credentials()

    credentials = SharedCredentials(load, Pool(), lambda error: error)

    async def in_vain() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await key(credentials)

    asyncio.run(in_vain())
    ends.set()
    assert asyncio.run(key(credentials)) == "id"


@pytest.mark.parametrize(("lasts", "margin"), [(3 * HOUR, 900), (HOUR, 900), (2000, 450), (900, 225), (60, 14.0625)])
async def test_the_shorter_credentials_last_the_later_they_are_refreshed(lasts: float, margin: float) -> None:
    source = Source(ends_at=now() + lasts)
    assert Known.of(source, None).margin == margin
