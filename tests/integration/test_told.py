"""systemd and the agent of ECS are told how a worker is: here by a socket and a server of the test's."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from endpoints import FastSQS
from hostile import answer, hostile
from workers import Worker, wait_until

from loafer.entrypoints.worker.ecs import put
from loafer.entrypoints.worker.seen import Seen
from loafer.entrypoints.worker.systemd import Systemd

QUICK = ("--consumer-opts", "{'WaitTimeSeconds': 1, 'MaxNumberOfMessages': 10}")


class Notices:
    """What was sent to a socket as systemd has one."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)
        self.lines: list[str] = []

    def heard(self) -> list[str]:
        try:
            while True:
                self.lines += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return self.lines

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def notices(tmp_path: Path) -> Iterator[Notices]:
    made = Notices(str(tmp_path / "notify"))
    yield made
    made.close()


def test_systemd_is_told_what_is_new_and_that_the_workers_are_alive(notices: Notices, tmp_path: Path) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    systemd = Systemd.of(environ)
    assert systemd is not None
    systemd.tell(Seen(why="no answer\nREADY=1"))
    systemd.tell(Seen(begun=True))
    systemd.tell(Seen(begun=True))
    systemd.tell(Seen(alive=False, begun=True, why="blocked"))
    systemd.tell(Seen(begun=True, stopping=True, why="it is stopping"))
    systemd.end()
    assert notices.heard() == [
        *("STATUS=no answer\\nREADY=1", "WATCHDOG=1"),
        *("READY=1", "STATUS=receiving", "WATCHDOG=1"),
        "WATCHDOG=1",
        "STATUS=blocked",
        *("STOPPING=1", "STATUS=it is stopping", "WATCHDOG=1"),
    ]


def test_an_abstract_socket_is_one_too() -> None:
    heard = Notices(f"\0loafer-test-{os.getpid()}")
    systemd = Systemd.of({"NOTIFY_SOCKET": f"@loafer-test-{os.getpid()}"})
    assert systemd is not None
    systemd.tell(Seen(begun=True))
    assert heard.heard() == ["READY=1", "STATUS=receiving"]
    heard.close()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_nobody_is_told_where_systemd_has_not_started_it(environ: dict[str, str]) -> None:
    assert Systemd.of(environ) is None


def test_the_watchdog_of_another_process_is_not_ours(tmp_path: Path) -> None:
    systemd = Systemd.of({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"})
    assert systemd is not None
    assert not systemd.watched


def test_a_socket_that_is_gone_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    systemd = Systemd(str(tmp_path / "none"), watched=True)
    systemd.tell(Seen(begun=True))
    systemd.tell(Seen(begun=True))
    assert len(caplog.records) == 1


@contextmanager
def agent() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Serve as the agent of ECS does; what it was asked is in the list."""
    asked: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"protection": body}).encode())

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/x", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_agent_that_is_none_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        put(f"http://127.0.0.1:{port}/x", b"{}")
    with pytest.raises(OSError, match="no answer of HTTP"):
        put("http://127.0.0.1:port/x", b"{}")


def slowly(text: bytes) -> Iterator[bytes]:
    for number in range(len(text)):
        yield text[number : number + 1]
        time.sleep(0.05)


def without_end(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "pieces",
    [
        lambda: slowly(b"HTTP/1.1 200 " + b"O" * 10_000),
        lambda: without_end(b"HTTP/1.1 100 Continue\r\n\r\n"),
        lambda: slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b"{" * 9999),
    ],
    ids=["a slow head", "informational answers", "a slow body"],
)
def test_an_agent_that_never_comes_to_an_end_is_left(
    pieces: Callable[[], Iterator[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loafer.entrypoints.worker.ecs.PATIENCE", 0.5)
    with hostile(pieces) as endpoint, pytest.raises(OSError, match="no answer"):
        put(f"{endpoint.url}/state", b"{}")


def test_an_agent_leads_nobody_elsewhere() -> None:
    with hostile(lambda: iter([answer(b"{}")])) as other:
        leads = answer(b"gone", 307, f"Location: {other.url}/state")
        with hostile(lambda: iter([leads])) as endpoint:
            assert put(f"{endpoint.url}/state", b"{}") == b"gone"
        assert other.requests == []


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["1", "2"])
async def test_a_busy_worker_is_protected_and_systemd_knows_its_course(
    fast_sqs: FastSQS, tmp_path: Path, notices: Notices, processes: str
) -> None:
    await fast_sqs.fill("orders", 1)
    with agent() as (uri, asked):
        environ = {"ECS_AGENT_URI": uri, "LOAFER_ECS_PROTECTION": "1", "NOTIFY_SOCKET": str(tmp_path / "notify")}
        options = (*QUICK, "--grace-period", "0", "--processes", processes)
        environ |= {"WATCHDOG_USEC": "30000000", "XDG_RUNTIME_DIR": str(tmp_path)}
        with Worker(tmp_path, "orders", "never_ends", options, environ) as worker:
            wait_until(lambda: bool(asked))
            wait_until(lambda: {"READY=1", "STATUS=receiving", "WATCHDOG=1"} <= set(notices.heard()))
            assert worker.stop() == 0
        protected = ("/api/x/task-protection/v1/state", {"ProtectionEnabled": True, "ExpiresInMinutes": 15})
        given_up = ("/api/x/task-protection/v1/state", {"ProtectionEnabled": False})
        assert asked == [protected, given_up]
        assert notices.heard().count("READY=1") == notices.heard().count("STOPPING=1") == 1
