"""How logging is set up: the level, the format, and who never says everything."""

import logging

from loafer.entrypoints.settings.load import mistake_in
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.parsers import JSON
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.worker.fields import MessageFields, text_lines
from loafer.entrypoints.worker.json_lines import JsonLines

TALKATIVE = ("aiobotocore", "botocore", "aiohttp")
"""Loggers that quote signed requests at DEBUG: they never go below INFO."""

TOLD_OTHERWISE = "loafer.application.report"
"""The logger of how deliveries end."""

REFRESHERS = {f"{sdk}.{what}" for sdk in ("aiobotocore", "botocore") for what in ("credentials", "tokens")}
"""The loggers of the SDK's refreshes."""

OF_SEVERAL = "%(asctime)s - %(processName)s - %(name)s - %(levelname)s - %(message)s"
"""The default format where there are several processes: it tells them apart."""


def set_up_logs(
    settings: Settings, verbose: int, mistakes: Mistakes, *, quiet: bool = False, several: bool = False
) -> None:
    """Log as the settings say, and more where `verbose` (1 or more) wants it; adds to `mistakes`.

    With `quiet`, for commands that print each message's end themselves, less is logged. With `several` processes,
    and no format set, each line names its process.
    """
    level = {0: "ERROR" if quiet else settings.log_level, 1: "INFO"}.get(verbose, "DEBUG")
    if settings.log_config is None or not _configured(settings, level if verbose else None, mistakes):
        default = several and "log_format" not in settings.origins
        handler = logging.StreamHandler()
        log_format = OF_SEVERAL if default else settings.log_format
        handler.setFormatter(JsonLines() if log_format == JSON else text_lines(log_format))
        handler.addFilter(MessageFields())
        if quiet and not verbose:
            handler.addFilter(_is_not_told_otherwise)
        if level != "DEBUG":
            handler.addFilter(_is_not_told_by_us)
        logging.basicConfig(handlers=[handler], level=level)
    for name in TALKATIVE:
        if settings.log_config is None or not logging.getLogger(name).level:
            logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.INFO))


def _configured(settings: Settings, level: str | None, mistakes: Mistakes) -> bool:
    """Configure logging from a file, with another level where one is given; tell whether that went well."""
    from loafer.entrypoints.worker.log_config import configure_logs  # noqa: PLC0415 - few have such a file

    try:
        configure_logs(settings.log_config or "")
    except ValueError as error:
        mistakes.add(mistake_in(settings, "log_config", str(error)))
        return False
    if level is not None:
        logging.getLogger().setLevel(level)
    return True


def _is_not_told_otherwise(record: logging.LogRecord) -> bool:
    return record.name != TOLD_OTHERWISE


def _is_not_told_by_us(record: logging.LogRecord) -> bool:
    """Tell whether a record is none of the SDK's tracebacks of credentials that it could not refresh: we say why."""
    return not (record.exc_info and record.name in REFRESHERS)


def in_the_logs_format(text: str, level: int = logging.INFO) -> str:
    """Return a text of ours, which is no record, as the log would write it where the log is JSON."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonLines):
            return handler.formatter.format(logging.LogRecord("loafer", level, "", 0, text, (), None))
    return text
