"""Fuzzes targets one after another, and ends with a table: python fuzz_all.py [TARGET…] [options of libFuzzer].

Without a target it takes all. The status is 1 if one of them has crashed, hung, or not begun.
"""

import re
import subprocess
import sys
from pathlib import Path

from fuzz_targets import TARGETS

_INPUTS = re.compile(rb"stat::number_of_executed_units: *(\d+)")


def fuzzed(target: str, options: list[str]) -> tuple[int, int]:
    """Fuzz one target, showing what the fuzzer says; return its inputs, and its status."""
    command = [sys.executable, str(Path(__file__).with_name("fuzz.py")), target, "-print_final_stats=1", *options]
    inputs = 0
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for line in process.stderr:
            sys.stderr.buffer.write(line)
            if told := _INPUTS.search(line):
                inputs = int(told[1])
    return inputs, process.returncode


def table_of(found: dict[str, tuple[int, int]]) -> str:
    """Return how many inputs each target had, and all of them; what failed says so."""
    lines = [
        f"{target:<12}{inputs:>12,}{'' if status == 0 else f'   FAILED ({status})'}"
        for target, (inputs, status) in found.items()
    ]
    return "\n".join(
        [f"{'target':<12}{'inputs':>12}", *lines, f"{'sum':<12}{sum(each for each, _ in found.values()):>12,}"]
    )


def main(words: list[str]) -> int:
    targets = [word for word in words if not word.startswith("-")] or list(TARGETS)
    unknown = sorted({*targets} - {*TARGETS})
    if unknown:
        sys.stderr.write(f"no target: {', '.join(unknown)}; there are {', '.join(TARGETS)}\n")
        return 2
    found = {target: fuzzed(target, [word for word in words if word.startswith("-")]) for target in targets}
    sys.stdout.write(f"{table_of(found)}\n")
    return 1 if any(status for _, status in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
