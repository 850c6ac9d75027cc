"""Fuzzes targets one after another, and ends with a table: python fuzz_all.py [TARGET…] [options of libFuzzer].

Without a target it takes all. The status is 1 if one of them has crashed, hung, or not begun.
"""

import os
import re
import sys
from collections.abc import Callable

_INPUTS = re.compile(rb"stat::number_of_executed_units: *(\d+)")


def fuzzed(fuzz: Callable[[str, list[str]], None], target: str, options: list[str]) -> tuple[int, int]:
    """Fuzz one target in a process of its own, showing what the fuzzer says; return its inputs, and its status."""
    reading, writing = os.pipe()
    process = os.fork()  # what is fuzzed is imported once for all: to follow its branches, that takes seconds
    if process == 0:
        os.dup2(writing, 2)
        try:
            fuzz(target, ["-print_final_stats=1", *options])
        finally:
            os._exit(70)
    os.close(writing)
    inputs = 0
    with open(reading, "rb") as lines:  # noqa: PTH123 - it is a descriptor
        for line in lines:
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()
            if told := _INPUTS.search(line):
                inputs = int(told[1])
    return inputs, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def table_of(found: dict[str, tuple[int, int]]) -> str:
    """Return how many inputs each target had, and all of them; what failed says so."""
    lines = [
        f"{target:<12}{inputs:>12,}{'' if status == 0 else f'   FAILED ({status})'}"
        for target, (inputs, status) in found.items()
    ]
    total = sum(inputs for inputs, _ in found.values())
    return "\n".join([f"{'target':<12}{'inputs':>12}", *lines, f"{'sum':<12}{total:>12,}"])


def main(words: list[str]) -> int:
    # What is fuzzed has to be imported by that module first, which follows its branches; the tests have no atheris.
    from fuzz import main as fuzz
    from fuzz_targets import TARGETS

    targets = [word for word in words if not word.startswith("-")] or list(TARGETS)
    unknown = sorted({*targets} - {*TARGETS})
    if unknown:
        sys.stderr.write(f"no target: {', '.join(unknown)}; there are {', '.join(TARGETS)}\n")
        return 2
    found = {target: fuzzed(fuzz, target, [word for word in words if word.startswith("-")]) for target in targets}
    sys.stdout.write(f"{table_of(found)}\n")
    return 1 if any(status for _, status in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
