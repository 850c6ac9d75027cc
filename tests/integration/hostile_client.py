"""One receive in a process of its own: python hostile_client.py; prints what it took, as JSON.

The endpoint and the transport are those of the environment.
"""

import asyncio
import gc
import json
import re
import time
from pathlib import Path

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.exceptions import ConsumerUnavailable

TICK = 0.001


def memory(name: str) -> int:
    """Return a size of this process in kB, as the kernel counts it: VmHWM is the largest that it ever was."""
    found = re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


async def longest_pause(pauses: list[float]) -> None:
    """Note again and again for how long this process kept the event loop from everything else.

    It is no more than the CPU time that the process took meanwhile: others use the machine too.
    """
    last, used = time.perf_counter(), time.process_time()
    while True:
        await asyncio.sleep(TICK)
        now, cpu = time.perf_counter(), time.process_time()
        pauses.append(min(now - last - TICK, cpu - used))
        last, used = now, cpu


async def main() -> None:
    consumer = SQSConsumer("orders", {"WaitTimeSeconds": 0, "MaxNumberOfMessages": 10})
    await consumer.open()
    gc.collect()
    before, pauses, cpu = memory("VmRSS"), list[float](), time.process_time()
    watching = asyncio.create_task(longest_pause(pauses))
    await asyncio.sleep(0.05)
    try:
        said = f"{len(await consumer.receive(10))} messages"
    except ConsumerUnavailable as error:
        said = str(error)
    cpu = time.process_time() - cpu
    await asyncio.sleep(0.05)
    watching.cancel()
    peak = memory("VmHWM")
    await consumer.close()
    print(json.dumps({"before": before, "peak": peak, "pause": max(pauses), "cpu": cpu, "said": said}))  # noqa: T201 - whoever started it reads that


if __name__ == "__main__":
    asyncio.run(main())
