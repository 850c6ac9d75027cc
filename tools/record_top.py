#!/usr/bin/env python3
"""Records the picture of `loafer top` in the documentation: three real workers, and the screen as it follows them.

It takes half a minute, needs loafer[top] and no AWS: `python tools/record_top.py`.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from loafer.entrypoints.commands.looking import look_at
from loafer.entrypoints.commands.top_screen import Top

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs" / "_static" / "top.svg"
WORKERS, SIZE, SECONDS = 3, (96, 26), 25
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


async def picture() -> str:
    """Return the screen after some seconds, as an SVG that loads nothing from anywhere."""
    top = Top(partial(look_at, []))
    async with top.run_test(size=SIZE) as pilot:
        await pilot.pause(SECONDS)
        return _FONTS.sub("", top.export_screenshot(title="loafer top"))


def main() -> None:
    """Record, and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        command = [sys.executable, "-m", "loafer", "run", "shop:app"]
        environ = {**os.environ, "PYTHONPATH": str(HERE.parent), "LOAFER_LOGLEVEL": "CRITICAL"}
        workers = [
            subprocess.Popen(command, cwd=HERE / "shop", env=environ, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
            for _ in range(WORKERS)
        ]
        try:
            PICTURE.write_text(asyncio.run(picture()), encoding="utf-8")
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait()


if __name__ == "__main__":
    main()
