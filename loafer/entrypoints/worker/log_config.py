"""Configures logging from a file, TOML or JSON, as `logging.config.dictConfig` takes it."""

import json
import logging.config
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LARGEST = 1024 * 1024
"""Bytes that such a file may have."""

_READERS: Mapping[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": json.loads}


def configure_logs(path: str) -> None:
    """Configure logging as a file says; loggers that are there already stay enabled unless it says otherwise.

    Raises:
        ValueError: the file cannot be read, is no such configuration, or names what cannot be made.

    """
    configuration = {"version": 1, "disable_existing_loggers": False, **_read(Path(path))}
    # A handler or a formatter may be the user's own.
    from loafer.entrypoints.wiring.loading import make_working_directory_importable  # noqa: PLC0415 - imports asyncio

    make_working_directory_importable()
    try:
        logging.config.dictConfig(configuration)
    except Exception as error:  # whatever a handler's class raises
        reasons = [str(reason) for reason in (error, error.__cause__) if reason is not None and str(reason)]
        raise ValueError(f"logging cannot be configured so: {': '.join(reasons)}") from error


def _read(path: Path) -> dict[str, Any]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError("neither .toml nor .json; give a file of one of these kinds")
    try:
        if not path.is_file():
            raise ValueError("there is no such file; give the path of one")
        if path.stat().st_size > LARGEST:
            raise ValueError(f"larger than {LARGEST} bytes; give a file that configures logging")
        read = reader(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"not valid {path.suffix[1:].upper()}: {error}") from error
    if not isinstance(read, dict):
        raise ValueError("no mapping; give one as logging.config.dictConfig takes it")
    return read
