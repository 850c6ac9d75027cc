"""The page of metrics names every metric, and no other."""

import re
from pathlib import Path

from loafer.application.measures import Measures
from loafer.application.metrics import families_of
from loafer.application.status import Status

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_page_names_every_metric_and_no_other() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    families = [*Measures().families(), *families_of(Status(), 30)]
    made = {f"{family.name}_total" if family.kind == "counter" else family.name for family in families}
    assert named == made | {"loafer_info"}
