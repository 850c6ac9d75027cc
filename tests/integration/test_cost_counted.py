"""The calls that a worker counts are those that an endpoint counted."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from strict.hiring import QUICK, hire
from strict.strict_control import StrictEndpoint
from workers import wait_until

COUNTED = {
    "receive_message": "ReceiveMessage",
    "delete_message_batch": "DeleteMessageBatch",
    "change_message_visibility_batch": "ChangeMessageVisibilityBatch",
}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_minute_of_calls_is_counted_as_the_endpoint_counts_it(strict: StrictEndpoint, tmp_path: Path) -> None:
    queue = strict.create("orders", VisibilityTimeout=6)
    file = tmp_path / "status.json"

    def calls() -> dict[str, int]:
        lines: list[dict[str, Any]] = json.loads(file.read_text())["calls"]
        return {COUNTED[line["operation"]]: line["calls"] for line in lines if line["operation"] in COUNTED}

    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", QUICK, LOAFER_STATUS_FILE=str(file)) as worker:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            strict.fill(queue, [{"n": number, "seconds": number} for number in range(4)])
            time.sleep(1)

        def agree() -> bool:
            """Tell whether they do right after the file was written; this machine may let us look too late."""
            written = file.stat().st_mtime_ns
            wait_until(lambda: file.stat().st_mtime_ns != written, 30, 0.005)
            ours, theirs = calls(), {name: strict.calls(name, "worker") for name in COUNTED.values()}
            assert min(theirs.values()) > 10
            return all(abs(ours[name] - number) <= max(2, 0.02 * number) for name, number in theirs.items())

        wait_until(agree)
        assert worker.stop() == 0
