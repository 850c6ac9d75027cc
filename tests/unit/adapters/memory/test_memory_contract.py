"""The contracts, on the queue in memory and in virtual time."""

import pytest
from memory_world import FEATURES, in_memory

from loafer.testing.contracts import ConsumerContract, PublisherContract, Worlds


@pytest.fixture
def world() -> Worlds:
    return in_memory


class TestMemoryConsumer(ConsumerContract):
    features = FEATURES


class TestMemoryPublisher(PublisherContract):
    features = FEATURES
