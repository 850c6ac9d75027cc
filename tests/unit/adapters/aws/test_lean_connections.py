"""The lean transport's connections: kept where that is safe, replaced once, never too many."""

import asyncio
from typing import Any

import pytest
from lean_fakes import GONE, FakeHost, FakeTransport, answer, http_to

from loafer.adapters.aws.lean.connection import Connection, Lost
from loafer.ports.consumer import ANSWER_BEGINS

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_a_connection_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost([[answer(b"1")], [answer(b"2")]])
    http = http_to(host, monkeypatch)
    assert [(await http.post(b"a")).body, (await http.post(b"b")).body] == [b"1", b"2"]
    assert [transport.written for transport in host.transports] == [[b"a", b"b"]]


async def test_whoever_wants_to_know_is_told_once_that_an_answer_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pieces = [bytes([byte]) for byte in answer(b"1")]
    http = http_to(FakeHost([pieces, [answer(b"2")], [answer(b"3")]]), monkeypatch)
    begun: list[str] = []
    token = ANSWER_BEGINS.set(lambda: begun.append("begun"))
    assert [(await http.post(b"a")).body, (await http.post(b"b")).body] == [b"1", b"2"]
    ANSWER_BEGINS.reset(token)
    await http.post(b"c")
    assert begun == ["begun"] * 2


@pytest.mark.parametrize(
    "first",
    [
        [answer(b"1", 200, "Connection: close")],
        [b"HTTP/1.0 200 -\r\nContent-Length: 1\r\n\r\n1"],
        [answer(b"1") + answer(b"evil")],
        [answer(b"1") + b"HTTP"],
        [answer(b"1"), answer(b"evil")],
        [answer(b"1"), answer(b"evil")[:-2]],
        [answer(b"1"), b"junk"],
        [answer(b"1"), GONE],
    ],
    ids=["close", "1.0", "two at once", "more at once", "unasked", "half unasked", "junk", "gone"],
)
async def test_a_connection_in_doubt_is_not_used_again(first: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost([first, [answer(b"2")]])
    http = http_to(host, monkeypatch)
    assert (await http.post(b"a")).body == b"1"
    await asyncio.sleep(1)
    assert host.open == 0
    assert (await http.post(b"b")).body == b"2"
    assert len(host.transports) == 2


async def test_a_connection_that_answered_before_it_had_read_the_request_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = FakeHost([[CONTINUE, answer(b"no", 413)]])
    http = http_to(host, monkeypatch)
    asking = asyncio.create_task(http.post(b"x" * 10_000_000))
    await asyncio.sleep(0.0005)
    host.transports[0].unsent = 1
    assert (await asking).status == 413
    await asyncio.sleep(0)
    assert host.open == 0


async def test_a_cancelled_request_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost([[answer(b"late")], [answer(b"2")]], seconds=2)
    http = http_to(host, monkeypatch, limit=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await http.post(b"a")
    assert (await http.post(b"b")).body == b"2"
    assert [transport.written for transport in host.transports] == [[b"a"], [b"b"]]


async def test_a_request_cancelled_as_its_answer_comes_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost([])
    http = http_to(host, monkeypatch)
    asking = asyncio.create_task(http.post(b"a"))
    await asyncio.sleep(0.1)
    host.transports[0].sends(answer())
    asking.cancel()
    await asyncio.sleep(0.1)
    assert asking.cancelled()
    assert host.open == 0


@pytest.mark.parametrize(("pause", "connections"), [(11, 1), (13, 2)])
async def test_a_connection_idle_for_longer_than_12_s_is_not_used_again(
    pause: float, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = FakeHost([[answer()], [answer()]])
    http = http_to(host, monkeypatch)
    await http.post(b"a")
    await asyncio.sleep(pause)
    await http.post(b"b")
    await asyncio.sleep(0)
    assert (len(host.transports), host.open) == (connections, 1)


async def test_idle_connections_that_are_not_needed_are_closed_though_others_are_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = FakeHost([[answer()]] * 100, seconds=0.1)
    http = http_to(host, monkeypatch)
    await asyncio.gather(*(http.post(b"a") for _ in range(10)))
    assert host.open == 10
    for _ in range(4):
        await asyncio.sleep(4)
        await http.post(b"b")
    assert (len(host.transports), host.open) == (10, 1)


async def test_a_kept_connection_that_proves_closed_is_replaced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost([[answer()], [GONE], [answer(b"2")]])
    http = http_to(host, monkeypatch)
    await http.post(b"a")
    assert (await http.post(b"b")).body == b"2"
    assert [transport.written for transport in host.transports] == [[b"a", b"b"], [b"b"]]


async def test_a_request_is_sent_twice_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost([[answer()], [answer()], [GONE], [GONE], [answer()]], seconds=0.1)
    http = http_to(host, monkeypatch)
    await asyncio.gather(http.post(b"a"), http.post(b"a"))
    with pytest.raises(Lost):
        await http.post(b"b")
    assert sum(transport.written.count(b"b") for transport in host.transports) == 2


async def test_a_kept_connection_that_began_to_answer_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost([[answer()], [answer()[:20], GONE], [answer()]])
    http = http_to(host, monkeypatch)
    await http.post(b"a")
    with pytest.raises(Lost):
        await http.post(b"b")
    assert len(host.transports) == 1


async def test_there_are_never_more_connections_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost([[answer()], [GONE], [answer(b"", 200, "Connection: close")], [b"junk"]] * 10, seconds=1)
    http = http_to(host, monkeypatch, limit=3)
    asking = [asyncio.create_task(http.post(b"a")) for _ in range(30)]
    asking[20].cancel()
    most = 0
    while not all(task.done() for task in asking):
        most = max(most, host.open)
        await asyncio.sleep(0.01)
    assert most == 3
    assert len(http._idle) <= 3


async def test_closing_closes_what_is_idle_at_once_and_what_is_in_use_with_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = FakeHost([[answer()], [answer()], [answer(b"late")]], seconds=1)
    http = http_to(host, monkeypatch)
    await asyncio.gather(http.post(b"a"), http.post(b"a"))
    asking = asyncio.create_task(http.post(b"b"))
    await asyncio.sleep(0.5)
    http.close()
    await asyncio.sleep(0)
    assert host.open == 1
    assert (await asking).body == b"late"
    await asyncio.sleep(0)
    assert host.open == 0


def connected() -> Connection:
    connection = Connection()
    transport: Any = FakeTransport(FakeHost([]), connection)
    connection.connection_made(transport)
    return connection


async def test_an_answer_stays_what_it_was_though_the_next_one_is_read_into_the_same_memory() -> None:
    connection = connected()
    answers = []
    for text in (b"one", b"two"):
        asking = asyncio.ensure_future(connection.ask(b"request"))
        await asyncio.sleep(0)
        came, place = answer(text), connection.get_buffer(-1)
        place[: len(came)] = came
        connection.buffer_updated(len(came))
        answers.append(await asking)
    assert [each.body for each in answers] == [b"one", b"two"]
    assert [each.headers["content-length"] for each in answers] == ["3", "3"]


async def test_connections_that_are_read_at_the_same_time_have_memory_of_their_own() -> None:
    one, other = connected(), connected()
    asking = [asyncio.ensure_future(each.ask(b"request")) for each in (one, other)]
    await asyncio.sleep(0)
    came = [answer(b"one"), answer(b"other")]
    places = [one.get_buffer(-1), other.get_buffer(-1)]
    assert one.get_buffer(-1) is places[0]  # as where there was nothing to read
    for place, data in zip(places, came, strict=True):
        place[: len(data)] = data
    for connection, data in zip((one, other), came, strict=True):
        connection.buffer_updated(len(data))
    assert [each.body for each in await asyncio.gather(*asking)] == [b"one", b"other"]
    again = {id(one.get_buffer(-1)), id(other.get_buffer(-1))}
    assert again == {id(place) for place in places}
