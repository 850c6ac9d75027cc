"""What a handler forks is a child of its own: where it comes back out of the handler, there is no second worker."""

from pathlib import Path

import pytest
from strict.hiring import hire, runs_of
from strict.strict_control import StrictEndpoint
from workers import wait_until

ENDS = {"return": 0, "raise": 1, "exit": 3}


@pytest.mark.parametrize("handler", ["forks", pytest.param("forks_in_a_thread", marks=pytest.mark.slow)])
def test_a_forked_child_that_comes_back_out_of_its_handler_ends_and_the_worker_goes_on(
    strict: StrictEndpoint, tmp_path: Path, handler: str
) -> None:
    strict.create("orders")
    strict.fill("orders", [{"n": end} for end in ENDS])
    with hire(tmp_path, "forking", "orders", handler) as worker:
        wait_until(lambda: strict.left("orders") == 0)
        assert worker.stop() == 0
    assert runs_of(tmp_path) == {f"{end}-{status}": 1 for end, status in ENDS.items()}
    assert "left it by FileNotFoundError and is ended" in worker.printed
    assert "returned from it and is ended" in worker.printed
    assert "Traceback" not in worker.printed
