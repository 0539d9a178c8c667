# `make` alone lists what there is. Needs GNU make, bash, and python3 >= 3.11; `make setup` gets the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# A Node that setup put into the virtual environment counts as well, after the system's.
export PATH := $(PATH):$(CURDIR)/.venv/bin

PY := .venv/bin/python

.PHONY: help
help:  ## list these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  \033[36mmake %-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup:  ## make everything ready: Python packages, the bundle, browsers (seconds if it is; QUICK=1 compresses less, QUICK=0 in full)
	@bin/setup all

.PHONY: tools
tools:
	@bin/setup tools >/dev/null

.PHONY: demo
demo:  ## watch two browsers compute digits of pi (OPEN=1: your own browser instead)
	@bin/setup demo
	@.venv/bin/disio demo $(if $(OPEN),--open)

.PHONY: check
check: tools  ## formatting, lint, types, layers; of Python and JavaScript
	@status=0; try() { echo "$$*"; "$$@" || status=1; }; \
	try .venv/bin/ruff format --check .; \
	try .venv/bin/ruff check .; \
	try .venv/bin/mypy; \
	try .venv/bin/lint-imports; \
	if [ -x worker/node_modules/.bin/tsc ]; then try worker/node_modules/.bin/tsc -p worker; \
	else echo "JavaScript is not checked: no TypeScript in worker/node_modules (install npm, then make setup)"; fi; \
	if [ $$status = 0 ]; then echo "check: clean"; else echo "check: FAILED, see above"; fi; \
	exit $$status

.PHONY: format
format: tools  ## format Python, and mend what ruff can mend
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# One process of tests for each core, whole files at a time in the order of their folders: the longest come first.
SHARED_OUT := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: setup  ## all tests: units, then real processes and real browsers
	@status=0; \
	scripts=(tests/unit/worker/*.test.mjs); \
	if [ -e "$${scripts[0]}" ]; then \
	  if command -v node >/dev/null; then node --test "$${scripts[@]}" || status=1; \
	  else echo "tests of the JavaScript skipped: there is no node"; fi; \
	fi; \
	$(PY) -m pytest --durations=10 $(SHARED_OUT) || status=1; \
	if [ $$status = 0 ]; then echo "test: all passed"; else echo "test: FAILED, see above"; fi; \
	exit $$status

.PHONY: e2e-all
e2e-all:  ## the tests of every browser engine: Chromium, Firefox, WebKit (ENGINES="firefox webkit": these)
	@bin/setup engines
	@DISIO_TEST_ENGINES="$(or $(ENGINES),chromium firefox webkit)" $(PY) -m pytest $(addprefix tests/e2e/test_,engines.py sealed_cell.py hostile_unit.py hostile_site.py)

.PHONY: slow
slow: setup  ## the tests that `make test` leaves out because they take long
	@$(PY) -m pytest -m long --durations=10

.PHONY: chaos
chaos: setup  ## attack a grid with 200 faults while it computes, then prove that nothing is lost (SEED=N: replay; QUICK=1)
	@$(PY) -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(QUICK),--quick) $(if $(KEEP),--keep $(KEEP))

.PHONY: pictures
pictures: setup  ## make the pictures of README and docs anew, in real browsers: docs/images
	@$(PY) docs/pictures.py

.PHONY: clean
clean:  ## remove what was built and cached; the virtual environment stays
	rm -rf .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build test-results pyodide_bundle/dist
	find server tests bench workunits -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean  ## remove everything that setup made
	rm -rf .venv pyodide_bundle/node_modules worker/node_modules
