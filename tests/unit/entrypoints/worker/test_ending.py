import shlex
import subprocess
import sys
import threading

import pytest

from loafer.entrypoints.worker.ending import Ending, end_process, ending_of, ends_within
from loafer.exceptions import ConfigurationError, ConsumerError


def test_the_process_ends_as_it_was_about_to() -> None:
    with pytest.raises(SystemExit) as caught:
        end_process(SystemExit(7))
    assert caught.value.code == 7


LOOK_UP = "ThreadPoolExecutor(1, thread_name_prefix=HANDLER_THREAD).submit(threading.Event().wait)"
HANDLER = """
async def main():
    next(handler_threads(1)).begin(threading.Event().wait, ())
asyncio.run(main())
"""


@pytest.mark.parametrize("runs", [HANDLER, LOOK_UP], ids=["a handler", "a look-up"])
@pytest.mark.parametrize(("end", "status"), [("3", 3), ("None", 0), ("'so be it'", 1)])
def test_the_process_ends_also_from_under_a_handler_in_a_thread(end: str, status: int, runs: str) -> None:
    code = f"""
import asyncio, threading
from concurrent.futures import ThreadPoolExecutor
from loafer.entrypoints.wiring.threads import HANDLER_THREAD, handler_threads
from loafer.entrypoints.worker.ending import end_process
print("printed")
{runs}
end_process(SystemExit({end}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (status, "printed\n")
    assert done.stderr == ("so be it\n" if "so" in end else "")


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (ConfigurationError("one\ntwo"), Ending(2, "loafer: one\nloafer: two")),
        (ConsumerError("no such queue"), Ending(1, "loafer: no such queue")),
        (SystemExit(3), Ending(3)),
        (SystemExit(-1), Ending(255)),
        (SystemExit(None), Ending(0)),
        (SystemExit("so be it"), Ending(1, "so be it")),
    ],
)
def test_what_was_raised_says_how_the_command_ends(error: BaseException, ending: Ending) -> None:
    assert ending_of(error) == ending


def test_a_traceback_is_told_of_unknown_errors_and_where_it_is_wished() -> None:
    assert ending_of(KeyError("x")) == Ending(1, "KeyError: 'x'")
    assert ending_of(ConsumerError("gone"), traced=True) == Ending(
        1, "loafer.exceptions.ConsumerError: gone\nloafer: gone"
    )


def test_nothing_that_may_block_begins_once_python_itself_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    acted: list[int] = []
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)
    assert not ends_within(60, lambda: acted.append(1))
    assert not acted


def test_what_blocks_is_left_after_its_time_and_what_fails_has_ended() -> None:
    go_on = threading.Event()
    assert not ends_within(0, go_on.wait)
    go_on.set()
    assert ends_within(60, go_on.wait)
    assert ends_within(60, lambda: 1 / 0)


FULL_PIPE = """
import os, sys, threading
readable, writable = os.pipe()
os.set_blocking(writable, False)
try:
    while True:
        os.write(writable, b"x" * 1024)
except BlockingIOError:
    os.set_blocking(writable, True)
"""


@pytest.mark.parametrize(
    "blocks",
    [
        "sys.stdout = open(writable, 'w'); print('left in the buffer')",
        "sys.stderr = open(writable, 'w', buffering=1)",
        "import logging; handler = logging.Handler(); logging.root.addHandler(handler); handler.acquire()",
        "from loafer.entrypoints.worker.ending import ends_within; ends_within(0.1, lambda: os.write(writable, b'x'))",
    ],
    ids=["standard output", "standard error", "a handler of the log", "a text"],
)
def test_the_process_ends_whatever_output_is_blocked(blocks: str) -> None:
    end = "from loafer.entrypoints.worker import ending; ending.FLUSHING = 0.2; ending.end_process(SystemExit('text'))"
    done = subprocess.run(
        [sys.executable, "-c", f"{FULL_PIPE}\n{blocks}\n{end}"],
        timeout=100,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Fatal" not in done.stderr


def test_a_command_whose_standard_streams_are_closed_keeps_their_numbers_from_its_sockets() -> None:
    code = """
import os
from loafer.entrypoints.worker.ending import end_with
end_with(lambda: int(os.open(os.devnull, os.O_RDONLY) < 3 or not all(map(os.get_inheritable, range(3)))))
"""
    closed = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(code)} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", closed], timeout=100, check=False).returncode == 0


def test_a_signal_while_the_process_ends_changes_nothing() -> None:
    code = """
import atexit, os, signal
from loafer.entrypoints.worker.ending import end_with
atexit.register(lambda: [os.kill(os.getpid(), number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)])
end_with(lambda: 3)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 3
