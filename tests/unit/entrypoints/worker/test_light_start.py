"""What a worker imports until it receives: not what only others need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

STARTED = """
import sys
import loafer.entrypoints.cli, loafer.entrypoints.commands.run
from loafer.entrypoints.settings.here import settings_here
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.worker.manager import Manager
from loafer.entrypoints.worker.watching import Watch

mistakes = Mistakes()
here = settings_here({"source": "orders", "handler": "builtins.print"}, mistakes)
manager = Manager(here.settings, mistakes)
with manager.prepared() as dispatcher, Watch().watched(manager.settings, dispatcher):
    print(*sys.modules)
"""

OF_FILES = {"dotenv", "tomllib"}
OF_MISTAKES = {"difflib", "html"}
OF_APPLICATIONS = {
    "loafer.application.branching",
    "loafer.application.connection",
    "loafer.application.outlet",
    "loafer.application.publishing",
    "loafer.application.registered",
    "loafer.application.routing",
    "loafer.domain.conditions",
    "loafer.domain.rules",
    "loafer.entrypoints.wiring.configured",
    "loafer.entrypoints.wiring.connecting",
    "loafer.entrypoints.wiring.registrations",
}
OF_WHO_ASKS = {
    "loafer.application.measures",
    "loafer.application.metrics",
    "loafer.domain.metrics",
    "loafer.entrypoints.worker.panel",
    "loafer.entrypoints.worker.status_server",
}
OF_THE_SDK = {"aiobotocore", "aiohttp", "botocore.session"}
NEEDLESS = OF_FILES | OF_MISTAKES | OF_APPLICATIONS | OF_WHO_ASKS | OF_THE_SDK


@pytest.mark.parametrize(
    ("file", "text", "needed"),
    [
        pytest.param("notes.txt", "", set(), id="no-file"),
        pytest.param(".env", "LOAFER_MAX_JOBS=3\n", {"dotenv"}, id=".env"),
        pytest.param("loafer.toml", "max_jobs = 3\n", {"tomllib"}, id="toml"),
    ],
)
def test_a_worker_imports_what_it_needs_until_it_receives(
    file: str, text: str, needed: set[str], tmp_path: Path
) -> None:
    (tmp_path / "setup.py").touch()  # the project's root
    (tmp_path / file).write_text(text, encoding="utf-8")
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-west-1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LOAFER_", "COV"))}
    environ = {**kept, **keys, "XDG_RUNTIME_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", STARTED], check=True, capture_output=True, text=True, cwd=tmp_path, env=environ
    )
    assert NEEDLESS & set(done.stdout.split()) == needed
