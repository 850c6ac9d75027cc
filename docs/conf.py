"""How Sphinx builds the documentation."""

import re
from pathlib import Path

_package = Path(__file__).parent.parent / "loafer" / "__init__.py"
_version = re.search(r'__version__ = "(.+)"', _package.read_text(encoding="utf-8"))
if _version is None:
    raise LookupError(f"{_package}: no __version__ in double quotes")

project = "Loafer"
copyright = "2016-2026, the Loafer authors"
release = version = _version[1]

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"Loafer {release}"
html_static_path = ["_static"]
