"""An environment for each consumer, made once and kept: all of the same Python, none in another's way."""

import hashlib
import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[1]
ENVS = Path(__file__).parent / ".envs"
VERSIONS = ("3.13", "3.12")
"""The first of these that is there is used for everything."""


class NotInstalledError(Exception):
    """An environment cannot be made; says why in one line."""


@attrs.frozen
class Environment:
    """A folder with a Python and what is installed into it."""

    name: str
    requirements: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where it is."""
        return ENVS / self.name

    @property
    def bin(self) -> Path:
        """Where its commands are."""
        return self.folder / "bin"

    def ensure(self) -> Path:
        """Return the folder of its commands, having installed what is not there yet.

        Raises:
            NotInstalledError: pip refuses.

        """
        stamp, wanted = self.folder / "stamp", self._stamp()
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return self.bin
        shutil.rmtree(self.folder, ignore_errors=True)
        requirements = [part for requirement in self.requirements for part in requirement.split()]
        pip = [str(self.bin / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        for command in ([find_python(), "-m", "venv", str(self.folder)], [*pip, *requirements]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
                raise NotInstalledError(f"{self.name} cannot be installed: {last}")
        stamp.write_text(wanted, encoding="utf-8")
        return self.bin

    def _stamp(self) -> str:
        """Return what the environment depends on; another Python or other requirements make it anew."""
        project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest() if self._has_checkout else ""
        return json.dumps([find_python(), self.requirements, project])

    @property
    def _has_checkout(self) -> bool:
        return any(str(ROOT) in requirement for requirement in self.requirements)


LOAFER = Environment("loafer", (f"-e {ROOT}[otel,pydantic]", "opentelemetry-sdk"))
FAST = Environment("loafer-fast", (f"-e {ROOT}[fast]", "uvloop"))
BARE = Environment("aiobotocore", ("aiobotocore>=3.8,<4",))
FANFERRO = Environment("fanferro", ("fanferro", "attrs", "msgspec", "pydantic"))
OLIST = Environment("olist-loafer", ("olist-loafer",))
TOOLS = Environment("tools", ("attrs", "matplotlib", "orjson", "uvloop"))
"""What the endpoint, the publisher and the plot need."""


@cache
def find_python() -> str:
    """Return the newest Python of VERSIONS on PATH or in pyenv, or else the one that runs this."""
    pyenv = (
        subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False)
        if shutil.which("pyenv")
        else None
    )
    versions = Path(pyenv.stdout.strip()) / "versions" if pyenv and not pyenv.returncode else ENVS
    for version in VERSIONS:
        candidates = [shutil.which(f"python{version}"), *sorted(map(str, versions.glob(f"{version}*/bin/python")))]
        for candidate in filter(None, candidates):
            if not subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode:
                return candidate
    return sys.executable


def ask(python: Path, code: str) -> str:
    """Return what a line of Python prints in an environment."""
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
