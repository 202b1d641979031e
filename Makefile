# Each target makes its own virtual environment; Python 3.11 or later and make are all that is needed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
ACTIONS := action.yml comment/action.yml
WORKFLOWS = $(wildcard .github/workflows/*.yml examples/github/*.yml examples/github/*/*.yml)

.DEFAULT_GOAL := help
.PHONY: help demo test check lint image-check bench bench-zoo bench-verdicts docs image image-test clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

$(VENV)/run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) torch
	$(PIP) --editable '.[hf]'
	@touch $@

$(VENV)/test: $(VENV)/run
	$(PIP) --group test
	@touch $@

$(VENV)/lint: $(VENV)/test
	$(PIP) --group lint
	@touch $@

demo: $(VENV)/run ## Train a small base and three adapters, and gate them
	$(BIN)/sway demo

test: $(VENV)/test ## Run the tests
	$(BIN)/python -m pytest -q

check: test lint image-check ## What CI runs: the tests, the linters, and the image where an engine is here

lint: $(VENV)/lint ## The linters alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/shellcheck --external-sources entrypoint.sh scripts/image.sh scripts/action.sh .ci/run
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions $(ACTIONS)
	$(BIN)/zizmor --offline --no-progress --quiet --persona=auditor --config .github/zizmor.yml $(ACTIONS) $(WORKFLOWS)
	$(BIN)/pre-commit validate-manifest .pre-commit-hooks.yaml

image-check: $(VENV)/test ## Build and test the image where an engine is here, and say so where none is
	scripts/image.sh check $(BIN)/python

bench: $(VENV)/test ## Measure: batched against one at a time, in one run, for docs/performance.md; and how often comparisons are wrong
	$(BIN)/python -m benchmarks.speed --write
	$(BIN)/python -m benchmarks.comparison

bench-zoo: $(VENV)/test ## Train two zoos of labelled adapters, and hold each label against an oracle of its own
	$(BIN)/python -m pytest -q benchmarks/zoo

bench-verdicts: $(VENV)/test ## Gate both zoos with one spec each, measure false passes, and write docs/statistics.md
	$(BIN)/python -m benchmarks.verdicts --write

docs: $(VENV)/test ## Rewrite the generated blocks of the documentation
	$(BIN)/python tests/generate_docs.py

image: ## Build the container image with docker or podman, whichever is here
	scripts/image.sh build

image-test: $(VENV)/test image ## Run the image, and the pre-commit hooks, as their users do
	scripts/image.sh test $(BIN)/python

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
