"""What a handler was given is let go when it ends, and not once its message is settled."""

import gc
import weakref
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

from loafer.application.delivery import Delivery, ignore
from loafer.application.endings import Endings
from loafer.application.options import Options
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message


class Content:
    """What a body was decoded to, which may be large."""


async def test_content_is_let_go_before_this_turn_of_the_event_loop_ends() -> None:
    nobody: Any = Mock()
    lane: Any = Mock(tell=SimpleNamespace(ended=(), handled=(nobody,), reported=()))
    endings = Endings({}, nobody, nobody, Options(), ignore, nobody, copy_context())
    delivery = Delivery("orders", Message("1", "{}", "r"), Outcome.SUCCEEDED, None, Content())
    content = weakref.ref(delivery.content)
    endings.end(lane, nobody, delivery, 0.1)
    del delivery
    gc.collect()
    assert content() is None
    endings._ended.clear()
