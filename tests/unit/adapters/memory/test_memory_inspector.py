"""The inspector's contract, on queues in memory and in virtual time."""

import pytest
from memory_world import FEATURES, in_memory

from loafer.testing.contracts import InspectorContract, Worlds


class TestMemoryInspector(InspectorContract):
    features = FEATURES

    @pytest.fixture
    def world(self) -> Worlds:
        return in_memory
