# Every command of a developer's day. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
T ?= tests

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-deep test-faults check bench fmt lock simulate simulate-check clean

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## Prepare .venv; the command is .venv/bin/tidemill

$(VENV)/.ready: requirements/lock.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Tidemill needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing the locked dependencies into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## Start everything, push this repository, watch its run (KEEP=1 leaves the server up)
	@$(BIN)/tidemill demo $(if $(KEEP),--keep)

test: setup  ## Run the tests; one part of them with T=tests/core
	@$(BIN)/python -m pytest $(T) -m "not heavy" -n 2 --dist loadfile

test-deep: setup  ## Plan 100,000 mutated configurations, unpack as many hostile archives, ask the API 10,000 things (COUNT=…, SEED=…)
	@$(BIN)/python -m tests.fuzz $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.fuzz.archives --count $(or $(COUNT),100000) $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.fuzz.api --count $(or $(COUNT),10000) $(if $(SEED),--seed $(SEED))

test-faults: setup  ## Kill, cut, fill and flood whatever may fail, for long (SEED=… to repeat what was at random)
	@$(if $(SEED),TIDEMILL_SEED=$(SEED)) $(BIN)/python -m pytest tests/faults -n 2 --dist loadfile

simulate: setup  ## Play simulated worlds full of faults (SEEDS=10000, FIRST=…; SEED=… shows one)
	@$(BIN)/python -m tests.simulation $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FIRST),--first $(FIRST)) $(if $(SEED),--seed $(SEED))

simulate-check: setup  ## See that the simulation finds every fault that is known
	@$(BIN)/python -m tests.simulation --check --seeds $(or $(SEEDS),1000)

check: setup  ## Format, lint, types, import contracts, house rules, docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest tests/house

bench: setup $(VENV)/buildbot/.ready  ## Measure the budgets, each beside its raw baseline and Buildbot (PARTS="main engine")
	@$(BIN)/python -m tests.bench $(PARTS)

$(VENV)/buildbot/.ready: requirements/buildbot.txt
	@$(PYTHON) -m venv $(VENV)/buildbot
	@echo "Installing Buildbot, which is measured beside, into $(VENV)/buildbot …"
	@$(VENV)/buildbot/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

fmt: setup  ## Format the code, mend what ruff can mend, renew the generated pages
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/python -m tests.house.pages

lock: setup  ## Renew requirements/*.txt from pyproject.toml and requirements/buildbot.in
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile pyproject.toml --extra postgres --extra etcd --extra dev --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --python-version 3.11 --universal --quiet --output-file requirements/lock.txt
	@$(BIN)/uv pip compile requirements/buildbot.in --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --python-version 3.11 --universal --quiet --output-file requirements/buildbot.txt

clean:  ## Remove the virtual environment and the caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
