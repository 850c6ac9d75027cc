"""Health and metrics over HTTP, and what signals make a worker say, of real workers."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from endpoints import FastSQS, free_port
from prometheus_client.parser import text_string_to_metric_families
from workers import LOAFER, Worker, wait_until

QUICK = ("--consumer-opts", "{'WaitTimeSeconds': 1, 'MaxNumberOfMessages': 10}")


def ask(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    """Return what a worker answers; (0, "") if it does not."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.fixture
def start(tmp_path: Path) -> Any:
    started: list[Worker] = []

    def start(
        port: int, *options: str, source: str = "memory://orders", handler: str = "quick", **environ: str
    ) -> Worker:
        options = ("--status", f"127.0.0.1:{port}", *QUICK, *options)
        started.append(Worker(tmp_path, source, handler, options, {"XDG_RUNTIME_DIR": str(tmp_path), **environ}))
        return started[-1]

    yield start
    for worker in started:
        worker.process.kill()
        worker.process.wait()


def test_a_worker_says_how_it_is(start: Callable[..., Worker]) -> None:
    port = free_port()
    worker = start(port)
    wait_until(lambda: ask(port, "/readyz") == (200, "ready\n"))
    assert ask(port, "/livez") == (200, "alive\n")
    status = json.loads(ask(port, "/status?verbose")[1])
    assert status["ready"] is True
    assert status["workers"][0]["pid"] == worker.process.pid
    families = {family.name for family in text_string_to_metric_families(ask(port, "/metrics")[1])}
    assert {"loafer_alive", "loafer_receives", "loafer_held_messages", "loafer_info"} <= families
    assert ask(port, "/")[0] == 404
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
        assert ask(port, "/livez", method)[0] == 405
    assert worker.stop() == 0


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /livez\r\n\r\n", b"400"),
        (b"GET livez HTTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x00\xee\r\n\r\n", b"400"),
        (b"GET /livez HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", b"431"),
        (b"GET /%2e%2e/etc/passwd HTTP/1.1\r\n\r\n", b"404"),
    ],
)
def test_what_is_no_request_is_refused(start: Callable[..., Worker], sent: bytes, status: bytes) -> None:
    port = free_port()
    start(port)
    wait_until(lambda: ask(port, "/livez")[0] == 200)
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(sent)
        assert connection.recv(4096).split(b" ")[1] == status


def test_connections_that_say_nothing_keep_nobody_from_being_answered(start: Callable[..., Worker]) -> None:
    port = free_port()
    start(port)
    wait_until(lambda: ask(port, "/livez")[0] == 200)
    silent = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(20)]
    assert ask(port, "/livez")[0] == 200
    for connection in silent:
        connection.close()


def test_a_port_that_is_taken_ends_the_worker_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for more in ([], ["--processes", "2"]):
            command = [str(LOAFER), "--source", "orders", "--status", address, *more]
            done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
            assert done.returncode == 2
            [line] = done.stderr.splitlines()
            assert line.startswith("loafer: LOAFER_STATUS")
            assert f"{address}" in line
            assert "Address already in use" in line


def test_an_address_that_is_none_ends_the_worker_with_one_line(tmp_path: Path) -> None:
    command = [str(LOAFER), "--source", "orders", "--status", "9102"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 2
    assert "give HOST:PORT such as 127.0.0.1:9102" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
async def test_a_worker_whose_loop_is_blocked_answers_at_once_that_it_is_not_alive(
    fast_sqs: FastSQS, start: Callable[..., Worker]
) -> None:
    await fast_sqs.fill("orders", 1)
    port = free_port()
    start(port, source="orders", handler="blocks_the_loop_for_5_s", LOAFER_LIVE_LIMIT="2")
    wait_until(lambda: ask(port, "/livez")[0] == 503)
    before = time.monotonic()
    code, text = ask(port, "/livez")
    assert (code, time.monotonic() - before < 0.5) == (503, True)
    assert text.startswith("not alive: the event loop has not answered for ")
    assert "wedged" in ask(port, "/status")[1]
    wait_until(lambda: ask(port, "/livez")[0] == 200)


@pytest.mark.slow
async def test_a_loop_that_is_blocked_for_40_s_is_told_of_within_100_ms(
    fast_sqs: FastSQS, start: Callable[..., Worker], tmp_path: Path
) -> None:
    await fast_sqs.fill("orders", 1)
    (tmp_path / "blocking.py").write_text("import time\nasync def blocks(content):\n    time.sleep(40)\n")
    port = free_port()
    start(port, source="orders", handler="blocking.blocks", PYTHONPATH=str(tmp_path))
    wait_until(lambda: ask(port, "/livez")[0] == 503)
    taken = []
    for _ in range(20):
        before = time.monotonic()
        code, text = ask(port, "/livez")
        taken.append(time.monotonic() - before)
        assert code == 503
        assert "something blocks it" in text
    assert sorted(taken)[len(taken) // 2] < 0.1
    wait_until(lambda: ask(port, "/livez")[0] == 200)


@pytest.mark.slow
def test_an_endpoint_that_is_gone_for_60_s_leaves_a_worker_alive_and_not_ready(start: Callable[..., Worker]) -> None:
    port = free_port()
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "sa-east-1"}
    start(port, source="orders", AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}", **keys)
    wait_until(lambda: "in trouble for" in ask(port, "/readyz")[1])
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert ask(port, "/livez") == (200, "alive\n")
        code, text = ask(port, "/readyz")
        assert code == 503
        assert "no receive has been answered yet" in text
        time.sleep(1)


@pytest.mark.slow
async def test_the_supervisor_of_several_workers_serves_for_all_and_adds_up(
    fast_sqs: FastSQS, start: Callable[..., Worker]
) -> None:
    await fast_sqs.fill("orders", 200)
    port = free_port()
    worker = start(port, "--processes", "4", source="orders", handler="takes_20_ms")
    wait_until(lambda: ask(port, "/readyz")[0] == 200)

    def done() -> float:
        families = text_string_to_metric_families(ask(port, "/metrics")[1])
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == "loafer_messages_total" and sample.labels["outcome"] == "succeeded"
        )

    wait_until(lambda: done() == 200)

    def workers() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(ask(port, "/status")[1])["workers"]
        return found

    def shown() -> float:  # a worker that is late with its answer has no routes
        return float(sum(route["counts"].get("succeeded", 0) for each in workers() for route in each["routes"]))

    assert [each["worker"] for each in workers()] == [f"worker-{number}" for number in range(1, 5)]
    wait_until(lambda: shown() == 200)
    pid = workers()[0]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: ask(port, "/readyz")[0] == 503)
    assert ask(port, "/livez")[0] == 200
    wait_until(lambda: ask(port, "/readyz")[0] == 200)
    assert done() == 200
    worker.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: worker.printed.count("asked for what is held: ") == 4)
    assert worker.stop() == 0


STUCK = """
import asyncio, time
from loafer import Loafer

app = Loafer(grace_period=0)

@app.route("orders")
async def waits(content):
    await asyncio.Event().wait()  # the coroutine's line

@app.route("clicks")
def sticks(content):
    time.sleep(3600)  # the thread's line
"""


async def test_sigusr1_names_the_line_of_a_blocked_coroutine_and_that_of_a_stuck_thread(
    fast_sqs: FastSQS, tmp_path: Path
) -> None:
    await fast_sqs.fill("orders", 1)
    await fast_sqs.fill("clicks", 1)
    (tmp_path / "stuck.py").write_text(STUCK)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    await asyncio.to_thread(names_both_lines, tmp_path, environ)


def names_both_lines(folder: Path, environ: dict[str, str]) -> None:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([LOAFER, "run", "stuck:app"], cwd=folder, env=environ, stdout=log, stderr=log)

    def named() -> bool:
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.3)
        text = (folder / "log").read_text()
        return "# the coroutine's line" in text and "# the thread's line" in text

    try:
        wait_until(lambda: "route" in (folder / "log").read_text())
        wait_until(named)
        process.send_signal(signal.SIGUSR2)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_sighup_stops_cleanly_unless_it_was_ignored_at_the_start(tmp_path: Path) -> None:
    command = [str(part) for part in (LOAFER, "--source", "memory://x", *QUICK)]
    for nohup in (False, True):
        with (tmp_path / f"log-{nohup}").open("wb") as log:
            process = subprocess.Popen(["nohup", *command] if nohup else command, stdout=log, stderr=log)
        wait_until(lambda nohup=nohup: "route" in (tmp_path / f"log-{nohup}").read_text())  # type: ignore[misc]
        process.send_signal(signal.SIGHUP)
        if nohup:
            time.sleep(0.5)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
