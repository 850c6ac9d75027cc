import os

from loafer import Loafer, __version__
from loafer.entrypoints.commands.display import banner
from loafer.entrypoints.settings.table import RouteSettings, Settings


def test_a_banner_says_what_runs() -> None:
    routes = (RouteSettings(source="orders"), RouteSettings(source="memory://x", name="x", handler="jobs.handler"))
    assert banner(Settings(max_jobs=7, routes=routes)).splitlines() == [
        f"loafer {__version__}",
        "max jobs: 7",
        "route 'default':",
        "  source:     orders",
        "  handler:    loafer.example.jobs.async_example_job",
        "  translator: loafer.aws.message_translator.SQSMessageTranslator",
        "  consumer:   loafer.aws.consumer.Consumer",
        "  options:    {'WaitTimeSeconds': 5, 'MaxNumberOfMessages': 5}",
        "route 'x':",
        "  source:     memory://x",
        "  handler:    jobs.handler",
        "  translator: loafer.aws.message_translator.SQSMessageTranslator",
        "  consumer:   loafer.aws.consumer.Consumer",
        "  options:    {'WaitTimeSeconds': 5, 'MaxNumberOfMessages': 5}",
    ]


def test_a_banner_shows_no_secret_of_a_source() -> None:
    shown = banner(Settings(routes=(RouteSettings(source="https://me:TOPSECRET@host/1/orders?token=TOPSECRET"),)))
    assert "  source:     https://host/1/orders\n" in shown
    assert "TOPSECRET" not in shown


def test_a_banner_of_a_route_whose_source_is_a_mistake_can_be_made_too() -> None:
    app = Loafer()
    app.route(os.environ.get("NOT_SET_ANYWHERE"))(print)  # type: ignore[arg-type]
    assert "  source:     None\n" in banner(Settings(application="shop:app"), app.routes())


def test_a_banner_says_how_many_processes_there_are_if_there_are_several() -> None:
    assert banner(Settings(processes=3)).splitlines()[1:] == ["processes: 3", "max jobs: 10 in each"]
