"""Queues in memory by name."""

from typing import Any

import pytest

from loafer.adapters.memory.broker import MemoryBroker
from loafer.exceptions import ConfigurationError


@pytest.mark.parametrize("options", [{"WaitTimeSeconds": "x"}, {"WaitTimeSeconds": -1}, {"MaxNumberOfMessages": 0}])
def test_a_wrong_option_is_a_mistake_in_the_configuration(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        MemoryBroker().consumer("memory://orders", options)
