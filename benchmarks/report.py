"""Writes the results into the README and the documentation, between markers, and has the plot drawn."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT, TOOLS
from benchmarks.sections.distance import SHOWN_FIRST
from benchmarks.tables import TITLES, goals_table, ratios_table, section_table

Results = Mapping[str, Any]
MARKED = re.compile(r"(<!-- benchmark -->\n).*?(<!-- /benchmark -->)", re.DOTALL)
README, PAGE, PLOT = ROOT / "README.md", ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "benchmarks.png"
SHOWN_FIRST_IS = "With calls that take 20 milliseconds on average, as within a region of AWS:"
PLOTTER = Path(__file__).parent / "plot.py"


def between_markers(text: str, content: str) -> str:
    """Return a text with something else between its markers.

    Raises:
        ValueError: it has not just one pair of markers.

    """
    replaced, pairs = MARKED.subn(lambda found: f"{found[1]}\n{content.strip()}\n\n{found[2]}", text)
    if pairs != 1:
        raise ValueError(f"there are {pairs} pairs of benchmark markers, and there must be one")
    return replaced


def circumstances(results: Results) -> str:
    """Return a sentence on when and on what it was measured."""
    machine, versions = results["machine"], sorted(set(results["versions"].values()))
    rounds = results["plan"]["rounds"]
    how = f"Medians of {rounds} interleaved rounds." if rounds > 1 else "One round."
    return (
        f"Measured on {results['date']} with Python {results['python']} on {machine['cores']} cores "
        f"({machine['cpu']}, {machine['os']} {machine['arch']}): {', '.join(versions)}. {how}"
    )


def in_readme(results: Results, picture: str) -> str:
    """Return what the README shows."""
    parts = [circumstances(results)]
    if "distance" in results["sections"]:
        parts += [SHOWN_FIRST_IS, section_table(results, "distance", spread=False, beginning=SHOWN_FIRST)]
        parts.append("And where calls take next to no time, on one machine:")
    if "throughput" in results["sections"]:
        parts.append(section_table(results, "throughput", spread=False))
    aims = "What it is meant to reach, and what it reached in this run:"
    return "\n\n".join([*parts, aims, goals_table(results), f"![CPU a message and messages a second]({picture})"])


def in_page(results: Results, picture: str) -> str:
    """Return what the page of the documentation shows."""
    parts = [circumstances(results), f"![CPU a message and messages a second]({picture})"]
    parts += ["## Goals", goals_table(results)]
    for name in results["sections"]:
        parts += [f"## {TITLES[name]}", section_table(results, name)]
        if name == "throughput":
            parts.append(ratios_table(results))
    return "\n\n".join(parts)


def text_of(results: Results) -> str:
    """Return the tables for a terminal."""
    tables = [f"{TITLES[name]}\n\n{section_table(results, name)}" for name in results["sections"]]
    return "\n\n".join([circumstances(results), *tables, goals_table(results)])


def write(results: Results, folder: Path, *, in_documentation: bool, plot: bool) -> None:
    """Write tables and plot into the documentation, or else into a folder beside the results."""
    if in_documentation:
        for file, content in (
            (README, in_readme(results, "docs/benchmarks.png")),
            (PAGE, in_page(results, "benchmarks.png")),
        ):
            file.write_text(between_markers(file.read_text(encoding="utf-8"), content), encoding="utf-8")
    else:
        (folder / "benchmarks.md").write_text(in_page(results, "benchmarks.png") + "\n", encoding="utf-8")
    if plot and results["sections"].get("throughput", {}).get("rows"):
        picture = PLOT if in_documentation else folder / "benchmarks.png"
        python = TOOLS.ensure() / "python"
        subprocess.run([str(python), str(PLOTTER), str(folder / "results.json"), str(picture)], check=True)
