"""What `loafer run` says of a source that is in its own memory."""

import pytest

from loafer import Loafer
from loafer.entrypoints.commands.run import _warn_of_memory
from loafer.entrypoints.settings.table import RouteSettings, Settings


async def handle(content: object) -> None: ...


def test_a_queue_in_memory_that_nobody_publishes_to_is_told_and_one_that_the_application_publishes_to_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Loafer()
    app.route("memory://orders")(handle)
    app.route("memory://receipts")(handle)
    app.publisher("memory://receipts")
    _warn_of_memory(Settings(routes=(RouteSettings(source="memory://mails"),)), app)
    assert [record.getMessage().split(" is in ")[0] for record in caplog.records] == [
        "source 'memory://orders'",
        "source 'memory://mails'",
    ]
