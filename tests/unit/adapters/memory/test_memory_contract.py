"""The contracts, on the queue in memory and in virtual time."""

from functools import partial

import attrs
import pytest
from memory_world import FEATURES, in_memory

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.testing.contracts import ConsumerContract, PublisherContract, Worlds


@pytest.fixture
def world() -> Worlds:
    return in_memory


class TestMemoryConsumer(ConsumerContract):
    features = FEATURES


class TestMemoryConsumerWhoseAbandonedPollsAreServed(ConsumerContract):
    features = attrs.evolve(FEATURES, abandoned_polls=True)

    @pytest.fixture
    def world(self) -> Worlds:
        return partial(in_memory, partial(MemoryConsumer, abandoned_polls=True))


class TestMemoryPublisher(PublisherContract):
    features = FEATURES
