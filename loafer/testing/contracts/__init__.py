"""What every adapter must show, as tests to inherit: the adapters of loafer run them, and so can anybody's own.

A subclass of `ConsumerContract` or `PublisherContract` gives a fixture `world`, which returns a factory of worlds, and
a table of what is possible there, `features`; what is not possible is skipped with the reason.
"""

import pytest

_TESTS = ("crowds", "dead_letters", "fifo", "inspector", "publisher", "receiving", "resuming", "settling")
for _module in (*_TESTS, "machine", "model", "moves", "steps"):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")

from loafer.testing.contracts.behaviour import Contract, behaviour  # noqa: E402 - after the names of what is rewritten
from loafer.testing.contracts.consumer import ConsumerContract  # noqa: E402
from loafer.testing.contracts.features import Features  # noqa: E402
from loafer.testing.contracts.inspector import Inspectable, InspectorContract  # noqa: E402
from loafer.testing.contracts.machine import ModelContract  # noqa: E402
from loafer.testing.contracts.publisher import PublisherContract  # noqa: E402
from loafer.testing.contracts.world import (  # noqa: E402
    Changeable,
    Queue,
    Restartable,
    World,
    Worlds,
)

__all__ = [
    "Changeable",
    "ConsumerContract",
    "Contract",
    "Features",
    "Inspectable",
    "InspectorContract",
    "ModelContract",
    "PublisherContract",
    "Queue",
    "Restartable",
    "World",
    "Worlds",
    "behaviour",
]
