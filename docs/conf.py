"""How Sphinx builds the documentation."""

import re
import shutil
from pathlib import Path
from typing import Any

_package = Path(__file__).parent.parent / "loafer" / "__init__.py"
_version = re.search(r'__version__ = "(.+)"', _package.read_text(encoding="utf-8"))
if _version is None:
    raise LookupError(f"{_package}: no __version__ in double quotes")

project = "Loafer"
copyright = "2016-2026, the Loafer authors"
release = version = _version[1]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
nitpick_ignore_regex = [("py:.*", ".*")]  # docstrings name types of other projects; links between pages are checked
exclude_patterns = ["_build"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"Loafer {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]


def _narrow_tables(*args: Any) -> None:
    """Let the code in the cells of tables break after its points and underscores: whatever is copied stays as it is."""
    page = args[3]

    def breakable(cell: re.Match[str]) -> str:
        return re.sub(r"(?<=>)[^<>]+(?=</span>)", lambda code: re.sub(r"([_.,:/])(?=\w)", r"\1<wbr>", code[0]), cell[0])

    page["body"] = re.sub(r"<td>.*?</td>", breakable, page.get("body", ""), flags=re.DOTALL)


def setup(app: Any) -> None:
    """Make tables narrow, and serve the guide as `llms.txt` too, where coding assistants look for it."""
    app.connect("html-page-context", _narrow_tables)
    guide = _package.parent / "guide.md"
    app.connect("build-finished", lambda built, _: shutil.copy(guide, Path(built.outdir) / "llms.txt"))
