import subprocess
import sys

import pytest

from loafer.entrypoints.worker.ending import Ending, end_process, ending_of
from loafer.exceptions import ConfigurationError, ConsumerError


def test_the_process_ends_as_it_was_about_to() -> None:
    with pytest.raises(SystemExit) as caught:
        end_process(SystemExit(7))
    assert caught.value.code == 7


@pytest.mark.parametrize(("end", "status"), [("3", 3), ("None", 0), ("'so be it'", 1)])
def test_the_process_ends_also_from_under_a_handler_in_a_thread(end: str, status: int) -> None:
    code = f"""
import threading
from concurrent.futures import ThreadPoolExecutor
from loafer.entrypoints.wiring.threads import HANDLER_THREAD
from loafer.entrypoints.worker.ending import end_process
print("printed")
ThreadPoolExecutor(1, thread_name_prefix=HANDLER_THREAD).submit(threading.Event().wait)
end_process(SystemExit({end}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
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
