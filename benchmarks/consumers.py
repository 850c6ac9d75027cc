"""Who is measured, and how each is run: as its users would, 10 messages a receive, 50 handlers at once."""

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from benchmarks import environments
from benchmarks.environments import Environment, NotInstalledError, ask

PROGRAMS = Path(__file__).parent / "programs"
OPTIONS = '{"MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}'
OURS, OURS_FAST, OURS_PLAIN = "loafer", "loafer, uvloop", "loafer, aiobotocore's client"
BARE, FANFERRO, OLIST = "bare aiobotocore", "fanferro", "olist-loafer"

VERSION = "from importlib.metadata import version as v; print(v({!r}))"


@attrs.frozen
class Consumer:
    """What consumes a queue in a process.

    Attributes:
        label: Its name in tables.
        bin: The folder with its Python and its commands.
        package: The package whose version is told.
        program: What runs it, in PROGRAMS; None: the command `loafer`.
        environ: Variables that it gets beside those that all get.

    """

    label: str
    bin: Path
    package: str
    program: str | None = None
    environ: Mapping[str, str] = attrs.field(factory=dict)

    def command(self, queue: str, handler: str, *options: str) -> list[str]:
        """Return the command that consumes a queue with one of the handlers."""
        if self.program is not None:
            return [str(self.bin / "python"), str(PROGRAMS / self.program), queue, handler, *options]
        return [
            *(str(self.bin / "loafer"), "--source", queue, "--handler", f"handlers.{handler}"),
            *("--max-jobs", "50", "--consumer-opts", OPTIONS),
            *(options if "--prefetch" in options else ("--prefetch", "50", *options)),
        ]

    def version(self) -> str:
        """Return which version of its package is installed."""
        return ask(self.bin / "python", VERSION.format(self.package))

    def understands(self, option: str) -> bool:
        """Tell whether its command has an option."""
        done = subprocess.run([str(self.bin / "loafer"), "--help"], capture_output=True, text=True, check=False)
        return re.search(rf"\s{option}\b", done.stdout) is not None


def here(folder: Path) -> list[Consumer]:
    """Return the consumers of one environment that has everything, for a short run."""
    return [Consumer(OURS, folder, "loafer"), Consumer(BARE, folder, "aiobotocore", "run_bare.py")]


def everybody(tell: Callable[[str], None]) -> list[Consumer]:
    """Return all consumers, installed; tells which cannot be."""
    wanted: list[tuple[Environment, Callable[[Path], Consumer]]] = [
        (environments.LOAFER, lambda folder: Consumer(OURS, folder, "loafer")),
        (environments.FAST, lambda folder: Consumer(OURS_FAST, folder, "loafer")),
        (
            environments.LOAFER,
            lambda folder: Consumer(OURS_PLAIN, folder, "loafer", environ={"LOAFER_SQS_TRANSPORT": "aiobotocore"}),
        ),
        (environments.BARE, lambda folder: Consumer(BARE, folder, "aiobotocore", "run_bare.py")),
        (environments.FANFERRO, lambda folder: Consumer(FANFERRO, folder, "fanferro", "run_fanferro.py")),
        (environments.OLIST, lambda folder: Consumer(OLIST, folder, "olist-loafer", "run_olist.py")),
    ]
    found = []
    for environment, consumer in wanted:
        tell(f"environment {environment.name}")
        try:
            found.append(consumer(environment.ensure()))
        except NotInstalledError as error:
            tell(f"left out: {error}")
    return found
