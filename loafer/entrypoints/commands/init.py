"""What `loafer init` does: it writes a first project, and says how to run it."""

import shlex
from importlib.resources import files
from pathlib import Path

from loafer.entrypoints.settings.project import project_folder
from loafer.exceptions import ConfigurationError

NAMES = {"app.py": "app.py.txt", "test_app.py": "test_app.py.txt", ".env": "env.txt"}
"""The files that are written, and those that they are copies of."""

_NEXT = """wrote {names}{where}

Test it:

    pip install 'loafer[testing]'
    pytest test_app.py

Start an emulator of SQS, in an environment of its own, for beside loafer it
would change the versions of its libraries.

    python3 -m venv .emulator && .emulator/bin/pip install ministack
    .emulator/bin/ministack

In another terminal, make the queue and run the application; Ctrl-C stops it.

    curl 'http://localhost:4566/?Action=CreateQueue&QueueName=greetings'
    loafer run app:app

In a third one, send it a message.

    loafer publish_sqs --queue greetings --msg '{{"name": "Ada"}}'

`loafer guide` tells the rest on one page."""


def write_first_project(folder: Path) -> str:
    """Write the files of a first project into a folder, and return what to do next; it overwrites nothing.

    Raises:
        ConfigurationError: a file is there already, or cannot be written; then none is written.

    """
    there = [name for name in NAMES if (folder / name).exists()]
    if there:
        raise ConfigurationError(f"{', '.join(there)}: already there, and nothing is overwritten; use an empty folder")
    texts = files("loafer.example").joinpath("first")
    begun = list[Path]()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, template in NAMES.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                begun.append(folder / name)
                file.write(texts.joinpath(template).read_text(encoding="utf-8"))
    except OSError as error:
        for path in begun:
            path.unlink()
        raise ConfigurationError(f"{folder}: cannot be written: {error.strerror}; give another folder") from error
    where = "" if folder.resolve() == Path.cwd() else f"\n\nGo there:\n\n    cd {shlex.quote(str(folder))}"
    return _NEXT.format(names=", ".join(NAMES), where=where) + _warning(folder.resolve())


def _warning(folder: Path) -> str:
    """Return what is to be said of a folder whose `.env` would not be read; nothing where it is."""
    root = project_folder(folder)
    if root == folder:
        return ""
    return f"\n\nSettings are read from the root of the project, {root}: move .env there, or set what it says."
