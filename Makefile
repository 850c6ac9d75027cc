# PYTHON may be given: make test PYTHON=python3.12
PYTHON ?= $(or $(wildcard $(CURDIR)/.venv/bin/python),python3)
IMPORT_LINTER := from importlinter.cli import lint_imports_command; lint_imports_command()

.DEFAULT_GOAL := help
.PHONY: help install test test-cov fuzz lint docs bench locks audit dist release

help:  ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-9s %s\n' "$$name" "$$text"; done

install:  ## Make .venv with what is locked, and this working copy
	python3 -m venv .venv
	.venv/bin/pip install --require-hashes -r requirements/dev.txt
	.venv/bin/pip install --no-deps --no-build-isolation -e .

test:  ## Run all tests but the slow ones
	$(PYTHON) -m pytest -m "not slow"

test-cov:  ## Run them and show what they do not reach
	$(PYTHON) -m pytest -m "not slow" --cov --cov-report=term-missing

# SECONDS may be given, for each target: make fuzz SECONDS=600
SECONDS ?= 60

fuzz:  ## Fuzz each target for a minute; needs requirements/fuzz.txt
	$(PYTHON) tests/fuzz/fuzz_all.py -max_total_time=$(SECONDS)

lint:  ## Check style, types and the arrows between the rings
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -c "$(IMPORT_LINTER)"
	$(PYTHON) tools/locks.py --check

docs:  ## Build the documentation into docs/_build/html
	$(PYTHON) -m sphinx -M html docs docs/_build -W --keep-going -n

bench:  ## Measure Loafer beside its peers; write the tables and the plot
	$(PYTHON) -m benchmarks

locks:  ## Write requirements/*.txt anew; UPGRADE=1 takes the newest versions
	$(PYTHON) tools/locks.py $(if $(UPGRADE),--upgrade)

audit:  ## Look for known holes in what is locked; asks the network
	$(PYTHON) -m pip_audit --strict --require-hashes --disable-pip -r requirements/dev.txt

dist:  ## Build the source archive and the wheel into dist/
	rm -rf dist
	$(PYTHON) -m build

release:  ## Check and build a release, then say what to do next; uploads nothing
	$(PYTHON) tools/release_check.py
	$(MAKE) dist
	@$(PYTHON) tools/release_check.py --next
