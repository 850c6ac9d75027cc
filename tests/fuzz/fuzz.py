"""Fuzzing for as long as wished, with atheris: python fuzz.py TARGET [options of libFuzzer, such as -runs=1000000].

Needs the extra `fuzz`. The inputs that got further are kept in the folder that is named last, if one is.
"""

import logging
import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]
from fuzz_seeds import SEEDS, WORDS

OWN = ("fuzz_http", "fuzz_answers", "fuzz_texts", "fuzz_signature", "fuzz_outside", "fuzz_typed", "fuzz_letters")

with atheris.instrument_imports(include=["loafer", "dotenv", "configparser", "rule_engine", *OWN]):
    from fuzz_targets import TARGETS


def main(name: str, options: list[str]) -> None:
    logging.getLogger("loafer").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        seeds = Path(folder, "seeds")
        seeds.mkdir()
        for number, seed in enumerate(SEEDS[name]):
            (seeds / str(number)).write_bytes(seed)
        words = Path(folder, "words")
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS))
        kept = [option for option in options if not option.startswith("-")]
        given = [option for option in options if option.startswith("-")]
        atheris.Setup([sys.argv[0], f"-dict={words}", "-timeout=10", *given, *kept, str(seeds)], TARGETS[name])
        atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(map(r"\x{:02x}".format, word))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
