import subprocess
import sys

import pytest

from loafer.entrypoints.ending import end_process


def test_the_process_ends_as_it_was_about_to() -> None:
    with pytest.raises(SystemExit) as caught:
        end_process(SystemExit(7))
    assert caught.value.code == 7


@pytest.mark.parametrize(("end", "status"), [("3", 3), ("None", 0), ("'so be it'", 1)])
def test_the_process_ends_also_from_under_a_handler_in_a_thread(end: str, status: int) -> None:
    code = f"""
import threading
from concurrent.futures import ThreadPoolExecutor
from loafer.entrypoints.ending import HANDLER_THREAD, end_process
print("printed")
ThreadPoolExecutor(1, thread_name_prefix=HANDLER_THREAD).submit(threading.Event().wait)
end_process(SystemExit({end}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (status, "printed\n")
    assert done.stderr == ("so be it\n" if "so" in end else "")
