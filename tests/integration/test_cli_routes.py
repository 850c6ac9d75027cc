"""Routes that configuration makes or changes, on real queues: by variables and by `loafer.toml`."""

from pathlib import Path

import pytest
from command import Shell
from endpoints import create_queue, queue_counts, send, unique

LONG = 60.0
"""Seconds that a start may take on a machine that is busy."""

CODE = """
from loafer import Loafer

app = Loafer()


@app.route("orders")
async def order(content: dict) -> None:
    print("order", content["number"], flush=True)


async def mail(content: dict) -> None:
    print("mail", content["number"], flush=True)
"""


@pytest.fixture
def shell(tmp_path: Path, on_ministack: str) -> Shell:
    shell = Shell(tmp_path)
    shell.write("shop.py", CODE)
    return shell


@pytest.mark.parametrize("processes", [1, 2])
async def test_several_routes_need_no_code_and_no_default_route(shell: Shell, processes: int) -> None:
    orders, mails = unique("orders"), unique("mails")
    urls = [await create_queue(name) for name in (orders, mails)]
    quick = "{ WaitTimeSeconds = 1 }"
    shell.write(
        "loafer.toml", f'[routes.mails]\nsource = "{mails}"\nhandler = "shop:mail"\nconsumer_options = {quick}\n'
    )
    shell.write(".env", f"LOAFER_ORDERS_ROUTE_SOURCE={orders}\nLOAFER_ORDERS_ROUTE_HANDLER=shop.order\n")
    options = "export LOAFER_ORDERS_CONSUMER_OPTIONS='{\"WaitTimeSeconds\": 1}'"
    with shell.running(f"{options}\nloafer --processes {processes}", says="") as worker:
        worker.prints("options:", LONG)
        for url in urls:
            await send(url, '{"number": 1}')
        worker.prints("order 1", LONG)
        worker.prints("mail 1", LONG)
        assert worker.stop() == 0
    assert "route 'default'" not in worker.printed
    assert [await queue_counts(url) for url in urls] == [(0, 0)] * 2


async def test_a_file_leads_the_same_code_to_another_queue(shell: Shell) -> None:
    queue = unique("orders")
    url = await create_queue(queue)
    quick = "consumer_options = { WaitTimeSeconds = 1 }"
    shell.write("loafer.toml", f'[routes.orders]\nsource = "{queue}"\n{quick}\nhandler = "shop.mail"\n')
    with shell.running("loafer run shop:app", says="") as worker:
        worker.prints("handler:", LONG)
        await send(url, '{"number": 1}')
        worker.prints("mail 1")
        assert worker.stop() == 0
    assert f"source:     {queue}" in worker.printed


def test_mistakes_of_a_file_are_told_with_their_lines_and_start_nothing(shell: Shell) -> None:
    shell.write("loafer.toml", 'max_job = 3\n\n[routes.ordrs]\nmax_jobs = "3"\nweight = 0\n')
    done = shell.run("loafer run shop:app")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "loafer: max_job (loafer.toml line 1): no setting; did you mean max_jobs?",
        "loafer: routes.ordrs.max_jobs (loafer.toml line 4): a string; give a whole number",
        "loafer: LOAFER_ORDRS_ROUTE_WEIGHT='0' (loafer.toml line 5): no number above 0; give one such as 1 or 2.5",
        (
            "loafer: loafer.toml line 3: [routes.ordrs] is no route of shop:app, and has no source and handler; "
            "did you mean orders?"
        ),
    ]
