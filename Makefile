# `make demo` runs the main job, `make test` the tests. Both set everything up by themselves.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types imports bench lock clean

help:            ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

setup: $(VENV)/.ready   ## create the virtual environment with the locked dependencies

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Code Factory needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade -c constraints.txt pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev -e .
	@touch $@

demo: setup      ## check and repair the example application: diagnostics, diff, evidence
	$(BIN)/codefactory check examples/ledger || test $$? -eq 1
	$(BIN)/codefactory repair examples/ledger --diff --format human

test: setup lint types imports   ## everything that must hold before a change lands
	$(BIN)/python -m pytest -n 2 -q

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/pyright

imports: setup
	$(BIN)/lint-imports

bench: setup     ## print the benchmark tables (installs the peers it compares with)
	$(BIN)/python bench/latency.py
	$(BIN)/python bench/repair.py
	$(BIN)/python bench/engine.py
	$(BIN)/python bench/crash.py
	$(BIN)/python bench/graph_speed.py
	$(BIN)/python bench/graph_accuracy.py

lock: setup      ## write constraints.txt anew from what pyproject.toml allows today
	$(BIN)/python -m pip freeze --exclude-editable --all | grep -v '^setuptools==' > constraints.txt

clean:           ## remove what the targets above made
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache
