"""Draws the plot: CPU a message and messages a second of each consumer; needs matplotlib, and runs by itself."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

PAPER, INK, OURS, THEIRS = "#ffffff", "#24292f", "#1f6feb", "#8c959f"
PANELS = (
    ("cpu_us", "CPU a message, µs (less is better)", "{:,.0f}"),
    ("messages_per_s", "messages a second (more is better)", "{:,.0f}"),
)


def draw(results: Mapping[str, Any], file: Path) -> None:
    """Draw the results into a PNG file."""
    mpl.use("Agg")
    rows = results["sections"]["throughput"]["rows"]
    figure, panels = plt.subplots(1, 2, figsize=(11, 0.9 + 0.5 * len(rows)), sharey=True, facecolor=PAPER)
    for axes, (name, title, form) in zip(panels, PANELS, strict=True):
        draw_panel(axes, {label: row[name] for label, row in rows.items()}, title, form)
    machine, plan = results["machine"], results["plan"]
    small = (
        f"{results['date']}, {machine['cores']} cores, {machine['cpu']}, Python {results['python']}; "
        f"one process each, 200-byte messages, a handler that does nothing; rounds: {plan['rounds']}"
    )
    figure.text(0.99, 0.015, small, ha="right", fontsize=7, color=INK)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(file, dpi=130, facecolor=PAPER)


def draw_panel(axes: Any, summaries: Mapping[str, Mapping[str, float]], title: str, form: str) -> None:
    """Draw the bars of one figure, a consumer each, with lines from the least run to the greatest."""
    labels = list(summaries)
    values = [summary["median"] for summary in summaries.values()]
    below = [summary["median"] - summary["min"] for summary in summaries.values()]
    above = [summary["max"] - summary["median"] for summary in summaries.values()]
    colours = [OURS if label.startswith("loafer") else THEIRS for label in labels]
    axes.barh(labels, values, color=colours, xerr=(below, above), error_kw={"ecolor": INK, "elinewidth": 0.8})
    for place, (value, more) in enumerate(zip(values, above, strict=True)):
        axes.annotate(form.format(value).replace(",", " "), (value + more, place), (5, 0), va="center", fontsize=9,
                      textcoords="offset points", color=INK)  # fmt: skip
    axes.set_title(title, fontsize=10, loc="left", color=INK)
    axes.set_facecolor(PAPER)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.margins(x=0.15)
    if not axes.yaxis_inverted():
        axes.invert_yaxis()


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
