import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import pytest

from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.worker.logs import TALKATIVE, TOLD_OTHERWISE, in_the_logs_format, set_up_logs
from loafer.exceptions import ConfigurationError
from loafer.logs import text_lines

SetUp = Callable[..., None]


@pytest.fixture
def own_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[SetUp]:
    """What sets up logging where there is none; in the end, there is again what there was."""
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in TALKATIVE)]
    before = [logger.level for logger in loggers]

    def set_up(settings: Settings, verbose: int = 0, **options: bool) -> None:
        monkeypatch.setattr(root, "handlers", [])  # now, for pytest has handlers of its own in each test
        mistakes = Mistakes()
        set_up_logs(settings, verbose, mistakes, **options)
        mistakes.raise_if_any()

    yield set_up
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def test_the_sdk_s_tracebacks_of_refreshes_are_for_who_asks_for_everything(
    own_logs: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    for verbose, shown in ((0, 0), (1, 0), (2, 1)):
        own_logs(Settings(), verbose)
        for name in ("aiobotocore.credentials", "aiobotocore.tokens"):
            error = FileNotFoundError(name)
            error.__traceback__ = TracebackType(None, sys._getframe(), 0, 1)
            logging.getLogger(name).warning("Refreshing failed", exc_info=error)
        logging.getLogger("aiobotocore.credentials").warning("without one")
        printed = capsys.readouterr().err
        assert printed.count("Traceback") == 2 * shown
        assert printed.count("without one") == 1


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


CONFIGURATION = """
[formatters.json]
"()" = "loafer.logs.JsonLines"

[handlers.file]
class = "logging.FileHandler"
filename = "FILE"
formatter = "json"

[root]
level = "ERROR"
handlers = ["file"]
"""


@pytest.mark.parametrize(("verbose", "lines"), [(0, 1), (1, 2)])
def test_a_file_configures_logging_and_more_can_be_asked_for(
    verbose: int, lines: int, own_logs: SetUp, tmp_path: Path
) -> None:
    file, log = tmp_path / "logging.toml", tmp_path / "log"
    file.write_text(CONFIGURATION.replace("FILE", str(log)))
    before = logging.getLogger("test.before")
    own_logs(Settings(log_config=str(file)), verbose)
    before.error("text")
    before.info("more")
    assert len(log.read_text().splitlines()) == lines
    [handler] = logging.getLogger().handlers
    handler.close()


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("logging.yaml", "", "neither .toml nor .json; give a file of one of these kinds"),
        ("none.toml", None, "there is no such file; give the path of one"),
        ("logging.json", "{", "not valid JSON: Expecting property name"),
        ("logging.toml", "a = ", "not valid TOML: "),
        ("logging.json", "[]", "no mapping; give one as logging.config.dictConfig takes it"),
        ("logging.json", " " * (1024 * 1024 + 1), "larger than 1048576 bytes"),
        (
            "logging.json",
            '{"handlers": {"odd": {"class": "no.such.Handler"}}}',
            "logging cannot be configured so: Unable to configure handler 'odd': Cannot resolve 'no.such.Handler'",
        ),
    ],
)
def test_a_file_that_cannot_configure_logging_is_a_mistake_in_a_line(
    name: str, text: str | None, complaint: str, own_logs: SetUp, tmp_path: Path
) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        own_logs(Settings(log_config=str(file)))
    [line] = str(caught.value).splitlines()
    assert line.startswith(f"LOAFER_LOG_CONFIG='{file}' (default): {complaint}")


def test_a_format_of_ones_own_can_name_the_fields_of_messages_where_there_is_none() -> None:
    assert text_lines("%(message_id)s %(message)s").format(logging.makeLogRecord({"msg": "text"})) == "- text"


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
