"""The results as a file: what was measured, when, on what machine, with which versions."""

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from benchmarks.consumers import Consumer
from benchmarks.environments import ask
from benchmarks.plan import Plan

PYTHON = """
import platform, sysconfig
told = sysconfig.get_config_var("CONFIG_ARGS") or ""
options = [f"`{option}`" for option in ("--enable-optimizations", "--with-lto") if option in told]
how = "with " + " and ".join(options) if options else "without optimisations"
print(f"{platform.python_version()} (configured {how})")
"""
"""Prints the version of Python and how it was built, which changes what everything costs that is written in it."""


def head(plan: Plan, consumers: Sequence[Consumer]) -> dict[str, Any]:
    """Return what all figures of one run of the command have in common."""
    python = str(consumers[0].bin / "python") if consumers else ""
    return {
        "machine": machine(),
        "python": ask(Path(python), PYTHON) if python else "",
        "versions": {consumer.label: f"{consumer.package} {consumer.version()}" for consumer in consumers},
        "plan": attrs.asdict(plan),
    }


def machine() -> dict[str, Any]:
    """Return what kind of machine this is, and nothing that tells which one."""
    return {"cores": os.cpu_count(), "cpu": cpu_model(), "os": platform.system(), "arch": platform.machine()}


def cpu_model() -> str:
    """Return the processor's model, as far as the system says."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")


def add(file: Path, common: dict[str, Any], name: str, section: dict[str, Any]) -> None:
    """Put a section into the file; sections of another machine, other versions or another plan go."""
    today = datetime.now(UTC).date().isoformat()
    known = read(file) if file.exists() else {}
    same = all(known.get(key) == json.loads(json.dumps(value)) for key, value in common.items())
    sections = {**(known["sections"] if same else {}), name: {"date": today, **section}}
    text = json.dumps({"date": today, **common, "sections": sections}, indent=2, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")


def read(file: Path) -> dict[str, Any]:
    """Return the results in a file."""
    results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return results
