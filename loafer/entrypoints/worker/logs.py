"""How logging is set up: the level, the format, and who never says everything."""

import logging

from loafer.entrypoints.settings.table import Settings

TALKATIVE = ("aiobotocore", "botocore", "aiohttp")
"""Loggers that quote signed requests at DEBUG: they never go below INFO."""

OF_SEVERAL = "%(asctime)s - %(processName)s - %(name)s - %(levelname)s - %(message)s"
"""The default format where there are several processes: it tells them apart."""


def set_up_logs(settings: Settings, verbose: int, *, quiet: bool = False, several: bool = False) -> None:
    """Log as the settings say, and more where `verbose` (1 or more) wants it.

    With `quiet`, for commands that print each message's end themselves, less is logged. With `several` processes,
    and no format set, each line names its process.
    """
    default = several and "log_format" not in settings.origins
    level = {0: "ERROR" if quiet else settings.log_level, 1: "INFO"}.get(verbose, "DEBUG")
    logging.basicConfig(format=OF_SEVERAL if default else settings.log_format, level=level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.INFO))
