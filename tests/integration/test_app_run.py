"""An application that its own program runs: `app.run()`, with the signals and exit statuses of `loafer run`."""

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest
from command import Running, Shell
from endpoints import create_queue, queue_counts, send, unique

PROGRAM = """
import os
from contextlib import asynccontextmanager

from loafer import Loafer


@asynccontextmanager
async def lifespan():
    print("opened", flush=True)
    yield
    print("closed", flush=True)


app = Loafer(lifespan=lifespan)


@app.route(os.environ["ORDERS"], name="orders", options={"WaitTimeSeconds": 1})
async def handle_order(order: dict) -> None:
    print(f"order {order['id']}", flush=True)


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture
def queue(aws_environ: pytest.MonkeyPatch) -> str:
    name = unique("orders")
    aws_environ.setenv("ORDERS", name)
    return name


@pytest.fixture
def shell(tmp_path: Path, on_ministack: str, queue: str) -> Shell:
    shell = Shell(tmp_path)
    shell.write("shop.py", PROGRAM)
    return shell


async def until(worker: Running, times: int, text: str) -> None:
    deadline = time.monotonic() + 60
    while worker.printed.count(text) < times:
        assert time.monotonic() < deadline, worker.printed
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("command", ["python shop.py", "python -m shop"])
async def test_a_program_runs_its_application_until_a_signal_stops_it(shell: Shell, queue: str, command: str) -> None:
    url = await create_queue(queue)
    await send(url, json.dumps({"id": 7}))
    with shell.running(command, says="handler:") as worker:
        await until(worker, 1, "order 7")
        assert worker.stop() == 0
        assert "application: shop:app" in worker.printed
        assert worker.printed.splitlines()[-1] == "closed"
    assert await queue_counts(url) == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_program_cleanly_while_its_application_starts(shell: Shell, number: int) -> None:
    shell.write("slow.py", "import time\n\nprint('importing', flush=True)\nfor _ in range(600):\n    time.sleep(0.1)\n")
    shell.write(
        "shop.py", PROGRAM.replace("    app.run()", "    os.environ['LOAFER_OBSERVERS'] = 'slow.Notes'\n    app.run()")
    )
    with shell.running("python shop.py", says="importing") as worker:
        assert worker.stop(number) == 0
        assert worker.printed == "importing\n"


async def test_several_processes_find_the_application_by_its_name(shell: Shell, queue: str) -> None:
    url = await create_queue(queue)
    await send(url, json.dumps({"id": 7}))
    shell.write("shop.py", PROGRAM.replace("lifespan=lifespan", "lifespan=lifespan, processes=2"))
    with shell.running("python shop.py", says="processes: 2") as worker:
        await until(worker, 2, "opened")
        await until(worker, 1, "order 7")
        assert worker.stop() == 0
        assert worker.printed.count("closed") == 2


def test_several_processes_are_refused_where_the_application_has_no_name(shell: Shell) -> None:
    shell.write("shop.py", f"{PROGRAM.partition('if __name__')[0]}\napps = [app]\ndel app\n")
    shell.write("main.py", "from loafer import Loafer\nimport shop\nshop.apps[0].run()\n")
    done = shell.run("LOAFER_PROCESSES=2 python main.py", seconds=60)
    assert done.returncode == 2
    text = "loafer: shop.py:15: several processes need its name; keep it in a variable of a module"
    assert done.stderr.splitlines() == [text]


async def test_its_settings_come_from_the_environment_too(shell: Shell, queue: str) -> None:
    await create_queue(queue)
    with shell.running("export LOAFER_MAX_JOBS=3\npython shop.py", says="max jobs: 3") as worker:
        assert worker.stop() == 0


def test_every_mistake_is_a_line_and_the_status_is_2(shell: Shell) -> None:
    shell.write("shop.py", PROGRAM.replace('name="orders"', "max_jobs=0, weight=-1"))
    done = shell.run("python shop.py", seconds=60)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert "max_jobs=0 cannot be" in done.stderr


def test_a_lifespan_that_fails_is_status_1_with_its_traceback(shell: Shell) -> None:
    shell.write("shop.py", PROGRAM.replace('print("opened", flush=True)', 'raise RuntimeError("no database")'))
    done = shell.run("python shop.py", seconds=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "loafer: the lifespan failed at its start: RuntimeError: no database"


async def test_a_source_that_is_not_there_is_status_1(shell: Shell) -> None:
    done = shell.run("python shop.py", seconds=60)
    assert done.returncode == 1
    assert done.stderr.startswith("loafer: ")
