"""What `loafer run` says of a source that is in its own memory."""

import pytest

from loafer import Loafer, attribute
from loafer.entrypoints.commands.run import _warn_of_memory
from loafer.entrypoints.settings.table import RouteSettings, Settings


async def handle(content: object) -> None: ...


def test_what_is_in_memory_is_told_once_where_nothing_comes_from_it_or_goes_anywhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Loafer()
    app.route("memory://orders", when=attribute("a") == 1, name="one")(handle)
    app.route("memory://orders", name="others")(handle)
    app.route("memory://receipts")(handle)
    for queue in ("memory://receipts", "memory://ledger", "invoices"):
        app.publisher(queue)
    app.publisher(topic="memory://events")
    app.publisher(topic="news")
    _warn_of_memory(Settings(routes=(RouteSettings(source="memory://mails"),)), app)
    alone, right = "is in this process alone, and", "it is for tests; give a"
    assert [record.getMessage() for record in caplog.records] == [
        f"source 'memory://orders' {alone} nobody publishes to it: {right} queue on SQS",
        f"source 'memory://mails' {alone} nobody publishes to it: {right} queue on SQS",
        f"queue 'memory://ledger' {alone} no route that runs here reads it: {right} queue on SQS",
        f"topic 'memory://events' {alone} no queue can subscribe to it: {right} topic of SNS",
    ]
