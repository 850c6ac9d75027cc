"""Every target of the fuzzers, for a moment: whatever the bytes are, it returns or raises what is documented."""

from collections.abc import Iterator

import pytest
from fuzz_all import table_of
from fuzz_http import loop
from fuzz_seeds import SEEDS, WORDS
from fuzz_targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def mutated(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """Return seeds with parts of them replaced: by words, by parts of other seeds, by anything."""
    part = st.sampled_from(WORDS) | st.binary(max_size=8) | st.sampled_from(seeds)
    places = st.tuples(st.integers(0, 400), st.integers(0, 20), part)

    def replaced(seed: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
        for place, size, new in changes:
            start = place % (len(seed) + 1)
            seed = seed[:start] + new + seed[start + size :]
        return seed

    return st.builds(replaced, st.sampled_from(seeds), st.lists(places, max_size=4))


@pytest.fixture(scope="module", autouse=True)
def one_event_loop() -> Iterator[None]:
    yield
    loop().close()
    loop.cache_clear()


def test_a_long_run_ends_with_how_many_inputs_there_were() -> None:
    assert table_of({"http": (1_000_000, 0), "receive": (500, 77)}).splitlines() == [
        "target            inputs",
        "http           1,000,000",
        "receive              500   FAILED (77)",
        "sum            1,000,500",
    ]


def test_every_target_has_seeds() -> None:
    assert SEEDS.keys() == TARGETS.keys()


@pytest.mark.parametrize("name", TARGETS)
def test_a_seed_passes(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_comes_passes(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(mutated(SEEDS[name]) | st.binary(max_size=200)))
