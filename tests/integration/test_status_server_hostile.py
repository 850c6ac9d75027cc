"""What strangers can do to the server of health: on real sockets, without a worker."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from loafer.entrypoints.worker import neighbour, status_server
from loafer.entrypoints.worker.status_server import MOST_CONNECTIONS, TEXT, Answer, bound, served

LARGE = "x" * 30_000_000


def answers(path: str) -> Answer | None:
    texts = {"/livez": "alive\n", "/large": LARGE, "/surrogate": "caf\udcc3"}
    return Answer(200, TEXT, texts[path]) if path in texts else None


@contextmanager
def serving(host: str = "127.0.0.1", name: str = "") -> Iterator[int]:
    with bound(f"{host}:0") as listening:
        port = listening.getsockname()[1]
        with served(listening, answers, name):
            yield port


def ask(port: int, path: str = "/livez", *headers: str) -> bytes:
    """Return the first bytes of an answer."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall("\r\n".join([f"GET {path} HTTP/1.1", *headers, "", ""]).encode())
        return connection.recv(100)


def test_nobody_is_kept_out_by_however_many_that_say_nothing() -> None:
    with serving() as port, ExitStack() as stack:
        for _ in range(3 * MOST_CONNECTIONS):
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            silent.sendall(b"GET /livez HTTP/1.1\r\nX: ")
            assert ask(port).startswith(b"HTTP/1.1 200")


def test_whoever_does_not_read_an_answer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_server, "PATIENCE", 0.05)
    with serving() as port, socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\n\r\n")
        time.sleep(1)
        came = 0
        with suppress(ConnectionResetError):
            while data := connection.recv(1 << 20):
                came += len(data)
        assert came < len(LARGE)


def test_who_says_nothing_while_the_server_ends_makes_no_error_of_that_and_does_not_delay_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_server, "PATIENCE", 600)
    monkeypatch.setattr(neighbour, "ENDING", 30)
    with ExitStack() as stack:
        with serving() as port:
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            assert ask(port).startswith(b"HTTP/1.1 200")  # by then the one before is known
        assert "loafer-status" not in {thread.name for thread in threading.enumerate()}
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_an_answer_that_is_no_unicode_is_given_all_the_same() -> None:
    with serving() as port:
        assert ask(port, "/surrogate").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil", "[", "x]"]
)
def test_on_this_machine_alone_it_is_not_answered_under_names_of_others(host: str) -> None:
    with serving() as port:
        answer = ask(port, "/livez", f"hOST:{host}")
    assert answer.startswith(b"HTTP/1.1 421")
    assert b"alive" not in answer


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9102", "127.0.0.1:9102", "[::1]:9102", "10.0.0.7", "a.localhost", ""]
)
def test_under_names_of_this_machine_it_is(host: str) -> None:
    with serving() as port:
        assert ask(port, "/livez", f"Host: {host}").startswith(b"HTTP/1.1 200")
        assert ask(port, "/livez").startswith(b"HTTP/1.1 200")


def test_under_the_name_that_the_settings_give_it_is() -> None:
    with serving(name="my-machine") as port:
        assert ask(port, "/livez", "Host: my-machine:9102").startswith(b"HTTP/1.1 200")


def test_where_others_reach_it_too_they_may_call_it_what_they_like() -> None:
    with serving("0.0.0.0") as port:
        assert ask(port, "/livez", "Host: worker-7.internal:9102").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_the_log_says_where_others_reach_it(host: str, told: bool, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), serving(host):
        assert ("without a password, to all who reach this address" in caplog.text) == told
