"""The examples as their users run them, on a service of their own: the shop, and a web application with a worker."""

import asyncio
import json
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest
from command import Running, Shell
from endpoints import client, create_queue, create_topic, free_port, ministack, queue_counts

EXAMPLES = Path(__file__).parents[2] / "examples"
BOUND = 5 + 8
"""The grace period of the web application's worker, and what the rest of a stop may take."""


@pytest.fixture(scope="module")
def own_url() -> Iterator[str]:
    """A service that no other test has queues on: the examples' have plain names."""
    with ministack() as url:
        yield url


@pytest.fixture
def shell(request: pytest.FixtureRequest, tmp_path: Path, own_url: str, aws_environ: pytest.MonkeyPatch) -> Shell:
    """A folder with an example in it."""
    aws_environ.setenv("AWS_ENDPOINT_URL", own_url)
    aws_environ.setenv("LOAFER_POLL_GRACE", "0")  # its polls last for 20 seconds, and the test has no time for that
    shutil.copytree(EXAMPLES / request.param, tmp_path, dirs_exist_ok=True)
    return Shell(tmp_path)


async def until(holds: Callable[[], Awaitable[bool]], worker: Running, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, worker.printed
        await asyncio.sleep(0.05)


@asynccontextmanager
async def web(shell: Shell, named: str) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    """Give the running web application, and a client for it."""
    port = free_port()
    command = f"python -m uvicorn {named} --port {port}"
    with shell.running(command, says="") as server:
        server.prints("running on", 60)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            yield server, http


@pytest.mark.parametrize("shell", ["fastapi"], indirect=True)
async def test_the_worker_of_a_web_application_tells_when_its_queue_is_gone_and_stops_within_its_bound(
    shell: Shell,
) -> None:
    url = await create_queue("orders")
    shell.write("shop_api.py", shell.read("shop_api.py").replace('"WaitTimeSeconds": 5', '"WaitTimeSeconds": 1'))
    async with web(shell, "shop_api:web") as (server, http):
        assert (await http.get("/livez")).json() == {"alive": True, "held": 0, "counts": {}, "error": ""}
        assert (await http.post("/orders", json={"id": 1, "total": 5})).status_code == 202

        async def is_handled() -> bool:
            return (await http.get("/orders/1")).status_code == 200

        async def is_dead() -> bool:
            return (await http.get("/livez")).status_code == 503

        await until(is_handled, server)
        assert (await http.get("/livez")).json()["counts"]["succeeded"] == 1
        async with client("sqs") as sqs:
            await sqs.delete_queue(QueueUrl=url)
        await until(is_dead, server)
        assert "the worker stops: " in server.printed
        told = (await http.get("/livez")).json()
        assert not told["alive"]
        assert "orders" in told["error"]
        began = time.monotonic()
        assert server.stop() != 0
        assert time.monotonic() - began < BOUND


@pytest.mark.parametrize("shell", ["starlette"], indirect=True)
async def test_a_web_application_that_is_stopped_stops_its_worker_first(shell: Shell) -> None:
    url = await create_queue("mails")
    async with web(shell, "mail_api:web") as (server, http):
        assert (await http.get("/livez")).status_code == 200
        assert (await http.post("/mails", json={"to": "ada", "text": "hello"})).status_code == 202

        async def is_sent() -> bool:
            return bool((await http.get("/mails")).json() == ["ada"])

        await until(is_sent, server)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < BOUND
        assert "Application shutdown complete" in server.printed
    assert await queue_counts(url) == (0, 0)


async def fill_shop() -> dict[str, str]:
    """Create what the shop names, put work on its queues, and return their URLs.

    The polls that the shop aborts may be served for a while: nobody else may use its queues afterwards.
    """
    names = ("orders", "invoices.fifo", "thumbnails", "clicks", "receipts")
    urls = {name: await create_queue(name) for name in names}
    await create_topic("shop-events")
    async with client("sqs") as sqs:

        async def fill(name: str, bodies: Sequence[object], groups: str = "") -> None:
            for first in range(0, len(bodies), 10):
                entries = [
                    {"Id": str(number), "MessageBody": json.dumps(body)}
                    | ({"MessageGroupId": groups[number % 2], "MessageDeduplicationId": str(number)} if groups else {})
                    for number, body in enumerate(bodies[first : first + 10])
                ]
                await sqs.send_message_batch(QueueUrl=urls[name], Entries=entries)

        orders = [{"id": number, "total": total} for number, total in enumerate((5, 0, -1, 2))]
        await fill("orders", [*orders, {"id": "no number"}])
        await fill("invoices.fifo", [{"number": number} for number in range(10)], groups="ab")
        await fill("thumbnails", [{"image": 7, "width": 3, "height": 2}])
        await fill("clicks", [{"url": f"/{number}" if number else ""} for number in range(40)])
    return urls


@pytest.mark.parametrize("shell", ["shop"], indirect=True)
async def test_the_shop_works_through_its_queues_and_ends_with_0(shell: Shell) -> None:
    urls = await fill_shop()

    async def all_is_done() -> bool:
        left = [await queue_counts(url) for name, url in urls.items() if name != "receipts"]
        return left == [(0, 0)] * 4

    with shell.running("loafer run shop:app", says="handler:") as worker:
        await until(all_is_done, worker)
        assert worker.stop() == 0
    assert (await queue_counts(urls["receipts"]))[0] == 3
    with closing(sqlite3.connect(shell.folder / "shop.db")) as db:
        assert db.execute("select id from orders order by id").fetchall() == [(0,), (1,), (3,)]
        assert db.execute("select count(*) from clicks").fetchall() == [(39,)]
    invoices = [line.split() for line in worker.printed.splitlines() if line.startswith("invoice ")]
    for group, first in (("a", 0), ("b", 1)):
        assert [line[1] for line in invoices if line[3] == group] == [str(number) for number in range(first, 10, 2)]
    assert (shell.folder / "thumbnail-7.pgm").stat().st_size == len(b"P5 3 2 255\n") + 6
    assert "deleted: rejected by its handler: a negative total" in worker.printed
