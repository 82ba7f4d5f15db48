# Each target sets up what it needs in .venv; `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.PHONY: help run test test-all check bench

VENV := .venv
BIN := $(VENV)/bin
# Python to build .venv with; the first of these that works if it is not given
PYTHON ?=
export UV_LINK_MODE := copy

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/installed ## Answer the bundled example, offline unless RLM_MODEL names a model
	@if [ -z "$${RLM_MODEL:-}" ]; then
	  echo "No provider is configured (RLM_MODEL is not set): this is the offline scripted model." >&2
	fi
	$(BIN)/rlm run rlm_runtime/examples/letter_counts.txt -m "$${RLM_MODEL:-scripted/letter_counts}"

test: $(VENV)/installed-dev ## Run the tests, without the slow and the live ones
	$(BIN)/python -m pytest

test-all: $(VENV)/installed-dev ## Run all tests but the live ones, with many random examples
	$(BIN)/python -m pytest -m "not live" --hypothesis-profile=exploring --timeout=900

check: $(VENV)/installed-dev ## Check format, lint, types and imports, in all languages
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd deno_sandbox
	../$(BIN)/deno task ok
	cd ../rlm_runtime/_export/page
	../../../$(BIN)/deno task ok

bench: $(VENV)/installed-dev ## Run the benchmarks
	$(BIN)/python -m benchmarks

$(VENV)/installed: pyproject.toml
	@$(call install,.)

$(VENV)/installed-dev: pyproject.toml
	@$(call install,.[dev])
	touch $(VENV)/installed

# $(call install,WHAT): create .venv if there is none, install WHAT into it, leave a stamp
define install
if [ ! -x $(BIN)/python ]; then
  python=""
  for candidate in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do
    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      python=$$candidate
      break
    fi
  done
  if [ -z "$$python" ]; then
    echo "Cannot set up $(VENV): no Python 3.11 or later found; name one: make PYTHON=/path/to/python" >&2
    exit 1
  fi
  if command -v uv >/dev/null; then
    uv venv --quiet --python "$$python" $(VENV)
  else
    "$$python" -m venv $(VENV)
  fi
fi
if command -v uv >/dev/null; then
  uv pip install --quiet --python $(BIN)/python -e '$(1)'
else
  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '$(1)'
fi
touch $@
endef
