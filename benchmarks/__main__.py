"""The command: `python -m benchmarks` measures everything and writes the results, the tables and the plot."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from benchmarks import endpoint, report, results
from benchmarks.bench import Bench, BenchmarkError
from benchmarks.consumers import Consumer, everybody, here
from benchmarks.environments import TOOLS, NotInstalledError
from benchmarks.plan import SHORT, Plan
from benchmarks.sections import SECTIONS

RESULTS = Path(__file__).parent / "results"


def arguments() -> argparse.ArgumentParser:
    """Return what the command takes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="only see that it works, in this environment")
    parser.add_argument("--report", action="store_true", help="measure nothing; write the tables and the plot anew")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds, in each of which everything runs once")
    parser.add_argument("--seconds", type=float, metavar="S", help="length of a run")
    parser.add_argument("--messages", type=int, metavar="N", help="messages of a run, instead of its length")
    parser.add_argument("--only", action="append", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--consumer", action="append", metavar="NAME", help="measure only this consumer")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write only there, and not into the documentation")
    return parser


def main(given: Sequence[str] | None = None) -> int:
    """Measure and report; return the exit status."""
    options = arguments().parse_args(given)
    if (options.short or options.consumer) and options.out is None:
        arguments().error("--short and --consumer write into no documentation: say where with --out DIR")
    folder: Path = options.out or RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    status = 0
    if not options.report:
        try:
            status = measure(options, folder / "results.json")
        except (NotInstalledError, RuntimeError, subprocess.CalledProcessError) as error:
            say(f"failed: {error}")
            return 1
    found = results.read(folder / "results.json")
    say("\n" + report.text_of(found))
    report.write(found, folder, in_documentation=options.out is None, plot=not options.short)
    return status


def measure(options: argparse.Namespace, file: Path) -> int:
    """Run the sections and write what they found; return 1 if something did not work."""
    chosen = {name: getattr(options, name) for name in ("rounds", "seconds", "messages") if getattr(options, name)}
    plan: Plan = attrs.evolve(SHORT if options.short else Plan(), **chosen)
    tools = Path(sys.executable).parent if options.short else TOOLS.ensure()
    consumers = [one for one in consumers_of(options) if not options.consumer or one.label in options.consumer]
    with endpoint.running(tools / "python") as running:
        bench, common = Bench(plan, running, tools, consumers, say), results.head(plan, consumers)
        for name, run in SECTIONS.items():
            if not options.only or name in options.only:
                say(name)
                try:
                    results.add(file, common, name, run(bench))
                except BenchmarkError as error:
                    bench.failures.append(f"{name}: {error}")
    for failure in bench.failures:
        say(f"failed: {failure}")
    return int(bool(bench.failures))


def consumers_of(options: argparse.Namespace) -> list[Consumer]:
    """Return who is measured."""
    return here(Path(sys.executable).parent) if options.short else everybody(say)


def say(line: str) -> None:
    """Show progress."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
