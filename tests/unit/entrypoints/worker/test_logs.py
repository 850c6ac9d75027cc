import json
import logging
from collections.abc import Callable, Iterator

import pytest

from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.worker.logs import TALKATIVE, TOLD_OTHERWISE, in_the_logs_format, set_up_logs

SetUp = Callable[..., None]


@pytest.fixture
def own_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[SetUp]:
    """What sets up logging where there is none; in the end, there is again what there was."""
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in TALKATIVE)]
    before = [logger.level for logger in loggers]

    def set_up(settings: Settings, verbose: int = 0, **options: bool) -> None:
        monkeypatch.setattr(root, "handlers", [])  # now, for pytest has handlers of its own in each test
        set_up_logs(settings, verbose, **options)

    yield set_up
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def test_a_text_format_may_name_the_fields_of_messages_where_there_is_none(
    own_logs: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    own_logs(Settings(log_format="%(message_id)s %(route)s %(attempt)s %(group)s %(latency)s %(message)s"))
    logging.getLogger("test").warning("text")
    assert capsys.readouterr().err == "- - - - - text\n"


def test_the_json_format_is_an_object_a_line_for_texts_of_ours_too(
    own_logs: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    own_logs(Settings(log_format="json"))
    logging.getLogger("test").warning("text")
    line = json.loads(capsys.readouterr().err)
    assert (line["message"], line["log.level"]) == ("text", "warning")
    said = json.loads(in_the_logs_format("loafer: no such queue\nand more", logging.ERROR))
    assert (said["message"], said["log.level"]) == ("loafer: no such queue\nand more", "error")


def test_in_a_text_format_our_texts_stay_as_they_are(own_logs: SetUp) -> None:
    own_logs(Settings())
    assert in_the_logs_format("loafer: text") == "loafer: text"


@pytest.mark.parametrize(("quiet", "verbose", "said"), [(True, 0, False), (True, 1, True), (False, 0, True)])
def test_where_a_command_prints_how_each_message_ends_the_log_says_it_only_if_more_is_asked_for(
    quiet: bool, verbose: int, said: bool, own_logs: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    own_logs(Settings(), verbose, quiet=quiet)
    logging.getLogger(TOLD_OTHERWISE).error("text")
    assert ("text" in capsys.readouterr().err) == said
