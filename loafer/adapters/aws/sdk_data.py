"""The data files that the SDK makes its clients from: read once a process, without what nothing here asks for."""

import gzip
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

_CALLED = frozenset({"sqs", "sns", "sts", "oidc", "portal.sso", "signin"})
"""The services that Loafer calls, and the SDK on its way to credentials, by the names of their endpoints.

For any other the SDK would make up the endpoint, by the partition's rule.
"""


class _Files:
    """Reads the SDK's data files, in less time and a fraction of the memory that its own reader takes."""

    def exists(self, path: str) -> bool:
        """Tell whether there is a file of a path without its ending."""
        return Path(f"{path}.json").is_file() or Path(f"{path}.json.gz").is_file()

    def load_file(self, path: str) -> Any:
        """Return what a file of a path without its ending says; None where there is none."""
        for file, read in ((Path(f"{path}.json"), Path.read_bytes), (Path(f"{path}.json.gz"), _unpacked)):
            if file.is_file():
                return json.loads(read(file), object_hook=_without_services_not_called)
        return None


def _unpacked(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes())


def _without_services_not_called(read: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a partition's endpoints those of hundreds of services, before the next partition is read."""
    if "partition" in read and "services" in read:
        read["services"] = {name: data for name, data in read["services"].items() if name in _CALLED}
    return read


@cache
def data_loader(paths: str | None) -> Loader:
    """Return the loader of the SDK's data, which the sessions of all threads share, for it holds some megabytes.

    `paths` are further folders to look in, as `AWS_DATA_PATH` names them.
    """
    folders = [str(Path(os.path.expandvars(path)).expanduser()) for path in (paths or "").split(os.pathsep) if path]
    files: Any = _Files()
    return Loader(extra_search_paths=folders, file_loader=files)
