"""The data files that the SDK makes its clients from: read once a process, and by a fast reader."""

import gzip
import os
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from botocore.loaders import Loader


class _Files:
    """Reads the SDK's data files, in less time and half the memory that its own reader takes."""

    def exists(self, path: str) -> bool:
        """Tell whether there is a file of a path without its ending."""
        return Path(f"{path}.json").is_file() or Path(f"{path}.json.gz").is_file()

    def load_file(self, path: str) -> Any:
        """Return what a file of a path without its ending says; None where there is none."""
        for file, read in ((Path(f"{path}.json"), Path.read_bytes), (Path(f"{path}.json.gz"), _unpacked)):
            if file.is_file():
                return orjson.loads(read(file))
        return None


def _unpacked(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes())


@cache
def data_loader(paths: str | None) -> Loader:
    """Return the loader of the SDK's data, which the sessions of all threads share, for it holds some megabytes.

    `paths` are further folders to look in, as `AWS_DATA_PATH` names them.
    """
    folders = [str(Path(os.path.expandvars(path)).expanduser()) for path in (paths or "").split(os.pathsep) if path]
    files: Any = _Files()
    return Loader(extra_search_paths=folders, file_loader=files)
