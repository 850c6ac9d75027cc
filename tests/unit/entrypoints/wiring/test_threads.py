from types import SimpleNamespace

import pytest

from loafer.entrypoints.wiring.threads import usual_threads


def test_the_usual_number_of_threads_is_pythons_own() -> None:
    assert 5 <= usual_threads() <= 32


@pytest.mark.parametrize(("processors", "threads"), [(None, 5), (1, 5), (4, 8), (28, 32), (64, 32)])
def test_it_is_four_more_than_processors_and_32_at_most(
    processors: int | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loafer.entrypoints.wiring.threads.os", SimpleNamespace(cpu_count=lambda: processors))
    assert usual_threads() == threads
