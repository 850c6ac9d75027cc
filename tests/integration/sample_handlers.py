"""Handlers for workers under test: each writes a line to the file RUNS when it starts, for the test to read."""

import asyncio
import ctypes
import logging
import os
import random
import signal
import time
from typing import Any

_RUNS = os.open(os.environ.get("RUNS", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def ran(content: Any, at: float | None = None) -> None:
    """Note a run, `at` a time, or now; one write to a file opened for appending is whole, whoever else writes."""
    what = content["n"] if isinstance(content, dict) else content
    os.write(_RUNS, f"{what} {time.time() if at is None else at:.6f}\n".encode())


async def quick(content: Any) -> None:
    ran(content)


async def takes_20_ms(content: Any) -> None:
    ran(content)
    await asyncio.sleep(0.02)


async def tells_its_process_in_20_ms(content: Any) -> None:
    ran(f"{os.getpid()}-{content['n']}")
    await asyncio.sleep(0.02)


async def takes_1_s(content: Any) -> None:
    await asyncio.sleep(1)
    ran(content)


async def never_ends(content: Any) -> None:
    ran(content)
    await asyncio.Event().wait()


async def leaves_with_status_3(content: Any) -> None:
    ran(content)
    raise SystemExit(3)


async def dies_the_first_time(content: Any) -> None:
    ran(content)
    if os.fstat(_RUNS).st_size < len("0 1234567890.123456\n0 "):
        os._exit(1)


def takes_8_s_in_a_thread(content: Any) -> None:
    ran(content)
    time.sleep(8)


async def blocks_the_loop_for_5_s(content: Any) -> None:
    ran(content)
    time.sleep(5)  # noqa: ASYNC251 - the mistake that the heartbeat has to survive


async def holds_the_interpreter_for_60_s(content: Any) -> None:
    """Let no thread of the process run, as a search for a pattern in C may."""
    ran(content)
    readable, _ = os.pipe()
    signal.siginterrupt(signal.SIGTERM, False)
    signal.alarm(60)
    ctypes.PyDLL(None).read(readable, ctypes.create_string_buffer(1), 1)


async def first_takes_10_s(content: Any) -> None:
    if content["n"] == 0:
        await asyncio.sleep(10)
    ran(content)


ALWAYS_FAILS = 7
"""Of a group's messages, the ones with this number never succeed."""


async def fails_at_random(content: Any) -> None:
    """Fail every third run or so, and always for some messages; notes `group-number`."""
    ran(f"{content['group']}-{content['n']}")
    await asyncio.sleep(0.001)
    if content["n"] == ALWAYS_FAILS or random.random() < 0.2:
        raise ValueError("as it happens")


if "STUCK_LOG" in os.environ:
    logging.getLogger().addHandler(logging.FileHandler(os.environ["STUCK_LOG"]))


async def logs_much_in_8_s(content: Any) -> None:
    """Log more than a pipe holds; the message number 0 blocks the loop too, so that the heartbeat's thread logs."""
    ran(content)
    for _ in range(100):
        logging.getLogger(__name__).debug("x" * 1000)
    if content["n"] == 0:
        time.sleep(2)  # noqa: ASYNC251 - as above
    await asyncio.sleep(8)
