"""Two type checkers accept the good samples, and refuse each line of the bad ones that is marked, and no other."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REQUIRED = "TYPE_CHECKERS_REQUIRED" in os.environ
"""Whether a checker that is missing is a failure: in CI both must be there."""


def marked(sample: Path) -> set[int]:
    lines = sample.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# refused")}


def refused_by_mypy(samples: list[Path], cache: Path) -> set[tuple[str, int]]:
    pytest.importorskip("mypy", reason="mypy is not installed")
    options = ["--strict", "--config-file=", "--no-error-summary", f"--cache-dir={cache}"]
    command = [sys.executable, "-m", "mypy", *options, *map(str, samples)]
    ended = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert ended.returncode in {0, 1}, ended.stdout + ended.stderr
    found = re.findall(r"^(?:.*/)?(\w+\.py):(\d+): error:", ended.stdout, re.MULTILINE)
    return {(name, int(line)) for name, line in found}


def refused_by_pyright(samples: list[Path], _: Path) -> set[tuple[str, int]]:
    if find_spec("pyright") is None or shutil.which("node") is None:
        if REQUIRED:
            pytest.fail("pyright or node is not installed")
        pytest.skip("pyright or node is not installed")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, *map(str, samples)]
    ended = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert ended.returncode in {0, 1}, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)["generalDiagnostics"]
    errors = [diagnostic for diagnostic in found if diagnostic["severity"] == "error"]
    return {(Path(error["file"]).name, error["range"]["start"]["line"] + 1) for error in errors}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("refused_by", [refused_by_mypy, refused_by_pyright])
def test_a_type_checker_accepts_the_good_samples_and_refuses_the_bad_ones(refused_by, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    good, bad = HERE / "good.py", HERE / "bad.py"
    assert len(marked(bad)) > 20
    assert refused_by([good, bad], tmp_path) == {("bad.py", line) for line in marked(bad)}


def test_the_good_samples_can_be_run() -> None:
    program = "import good; assert good.app.mistakes() == [] and len(good.app.routes()) > 15"
    subprocess.run([sys.executable, "-c", program], cwd=HERE, check=True)
