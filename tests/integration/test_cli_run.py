"""An application in code on real queues: what runs, what is shared, and what keeps it from running."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from command import Running, Shell
from endpoints import client, create_queue, queue_counts, send, unique

SHOP = """
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass

from loafer import Context, InvalidContent, Item, Loafer, Message, RejectMessage, Retry

PREFIX = os.environ["PREFIX"]


@dataclass
class Order:
    id: int
    total: float


def say(text):
    print(text + "\\n", end="", flush=True)  # written in one go, for several write


@asynccontextmanager
async def lifespan():
    say("opened")
    yield ["shared"]
    say("closed")


app = Loafer(lifespan=lifespan)
QUICK = {"WaitTimeSeconds": 1}


@app.route(PREFIX + "-orders", name="orders", max_jobs=20, reject=InvalidContent, retry=Retry(delay=0), options=QUICK)
async def handle_order(order: Order, context: Context) -> None:
    if order.total < 0:
        raise RejectMessage("a negative total")
    if order.total == 0 and context.attempt == 1:
        raise ValueError("once more")
    say(f"order {order.id} {context.state[0]} {context.route} {context.attempt}")


@app.route(PREFIX + "-invoices.fifo", name="invoices", options=QUICK)
def handle_invoice(invoice: dict, message: Message) -> None:
    say(f"invoice {message.group} {invoice['number']}")


@app.batch(PREFIX + "-clicks", size=50, wait=2.0, name="clicks", options=QUICK)
async def save_clicks(batch: list[Item[dict]], context: Context) -> None:
    for item in batch:
        if "url" not in item.content:
            item.reject("no url")
    say(f"clicks {len(batch)} {context.state[0]}")
"""


def line_of(text: str) -> int:
    return 1 + next(number for number, line in enumerate(SHOP.splitlines()) if text in line)


@pytest.fixture
def prefix(aws_environ: pytest.MonkeyPatch) -> str:
    prefix = unique("shop")
    aws_environ.setenv("PREFIX", prefix)
    return prefix


@pytest.fixture
def shell(tmp_path: Path, on_ministack: str, prefix: str) -> Shell:
    shell = Shell(tmp_path)
    shell.write("shop.py", SHOP)
    return shell


async def until(worker: Running, lines: int, word: str) -> list[str]:
    deadline = time.monotonic() + 60
    while len(found := [line for line in worker.printed.splitlines() if line.startswith(word)]) < lines:
        assert time.monotonic() < deadline, worker.printed
        await asyncio.sleep(0.02)
    return found


async def fill(prefix: str) -> list[str]:
    """Create the shop's queues and put messages on them."""
    orders, clicks = await create_queue(f"{prefix}-orders"), await create_queue(f"{prefix}-clicks")
    invoices = await create_queue(f"{prefix}-invoices.fifo", FifoQueue="true")
    for number, total in enumerate((1.5, 0, -1, 2)):
        await send(orders, json.dumps({"id": number, "total": total}))
    await send(orders, json.dumps({"id": "no number"}))
    for number in range(20):
        await send(clicks, json.dumps({"url": "x"} if number else {}))
    async with client("sqs") as sqs:
        for number in range(10):
            await sqs.send_message(
                QueueUrl=invoices,
                MessageBody=json.dumps({"number": number}),
                MessageGroupId="ab"[number % 2],
                MessageDeduplicationId=str(number),
            )
    return [orders, clicks, invoices]


async def test_three_queues_are_handled_one_in_batches_and_one_in_order(shell: Shell, prefix: str) -> None:
    urls = await fill(prefix)
    with shell.running("loafer -v run shop:app", says="handler:") as worker:
        orders = await until(worker, 3, "order ")
        invoices = await until(worker, 10, "invoice ")
        while sum(int(line.split()[1]) for line in await until(worker, 1, "clicks ")) < 20:
            await asyncio.sleep(0.02)
        assert worker.stop() == 0
    assert sorted(orders) == ["order 0 shared orders 1", "order 1 shared orders 2", "order 3 shared orders 1"]
    for group, first in (("a", 0), ("b", 1)):
        of_group = [line.split()[2] for line in invoices if line.split()[1] == group]
        assert of_group == [str(number) for number in range(first, 10, 2)]
    printed = worker.printed.splitlines()
    assert printed.index("opened") < printed.index(min(orders, key=printed.index))
    assert "closed" in printed[printed.index(max(orders, key=printed.index)) :]
    assert [await queue_counts(url) for url in urls] == [(0, 0)] * 3


@pytest.mark.slow
async def test_one_route_runs_alone_beside_no_other(shell: Shell, prefix: str) -> None:
    orders, clicks, invoices = await fill(prefix)
    with shell.running("loafer run shop:app --only invoices", says="handler:") as worker:
        await until(worker, 10, "invoice ")
        assert worker.stop() == 0
        assert "max jobs: 10\n" in worker.printed
    assert (await queue_counts(orders))[0] == 5
    assert (await queue_counts(clicks))[0] == 20
    assert await queue_counts(invoices) == (0, 0)


@pytest.mark.slow
async def test_several_processes_run_the_whole_application_each(shell: Shell, prefix: str) -> None:
    urls = await fill(prefix)
    with shell.running("loafer run shop:app --processes 2", says="application:") as worker:
        await until(worker, 2, "opened")
        await until(worker, 3, "order ")
        await until(worker, 10, "invoice ")
        assert worker.stop() == 0
        assert worker.printed.count("closed") == 2
    assert await queue_counts(urls[2]) == (0, 0)


@pytest.mark.slow
async def test_the_default_route_of_the_environment_runs_beside_them(shell: Shell, prefix: str) -> None:
    await fill(prefix)
    url = await create_queue(f"{prefix}-default")
    await send(url, '{"number": 7}')
    shell.write("jobs.py", "def handle(content):\n    print(f'default {content}\\n', end='', flush=True)\n")
    command = f"loafer --source {prefix}-default --handler jobs.handle run shop:app"
    with shell.running(command) as worker:
        await until(worker, 1, "default {'number': 7}")
        await until(worker, 10, "invoice ")
        assert "max jobs: 50\n" in worker.printed
        assert worker.stop() == 0


async def test_an_application_whose_lifespan_fails_receives_nothing(shell: Shell, prefix: str) -> None:
    urls = await fill(prefix)
    shell.write("shop.py", SHOP.replace('say("opened")', 'raise RuntimeError("no database")'))
    done = shell.run("loafer run shop:app")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "Traceback (most recent call last):"
    last = "loafer: the lifespan failed at its start: RuntimeError: no database"
    assert done.stderr.splitlines()[-1] == last
    assert [await queue_counts(url) for url in urls] == [(5, 0), (20, 0), (10, 0)]


def test_every_mistake_is_a_line_with_its_place(shell: Shell) -> None:
    shell.write("shop.py", SHOP.replace("max_jobs=20", "max_jobs=0").replace("size=50", "size=0"))
    done = shell.run("loafer run shop:app")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first == f"loafer: shop.py:{line_of('-orders')}: route 'orders': max_jobs=0 cannot be; give 1 or more"
    assert second == f"loafer: shop.py:{line_of('-clicks')}: route 'clicks': size=0 cannot be; give 1 message or more"


def test_the_routes_are_shown_as_a_table(shell: Shell, prefix: str) -> None:
    done = shell.run("loafer routes shop.app")
    assert done.returncode == 0
    head, *rows = done.stdout.splitlines()
    assert head.split() == [
        "route",
        "source",
        "handler",
        "max",
        "jobs",
        "batch",
        "line",
    ]  # what no route says is left out
    assert rows[0].split() == ["orders", f"{prefix}-orders", "handle_order", "20", f"shop.py:{line_of('-orders')}"]
    assert rows[2].split() == ["clicks", f"{prefix}-clicks", "save_clicks", "50", f"shop.py:{line_of('-clicks')}"]
