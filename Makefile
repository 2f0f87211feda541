# The few verbs of this project; README.md says what each does.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Nothing is written outside the checkout and the temp folder, whatever HOME is.
export UV_NO_CACHE := 1
export PIP_NO_CACHE_DIR := 1
export PYTHONPATH := plugins:.

.PHONY: run airflow test lint bench docs lock clean
.DEFAULT_GOAL := run

run: $(VENV)/.installed
	@$(BIN)/python -m launch play $(if $(DATA),--data $(DATA)) $(if $(WEEKS),--weeks $(WEEKS)) $(if $(ONCE),--once)

airflow: $(VENV)/.installed
	@$(BIN)/python -m launch airflow

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint include/sql

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench

docs: $(VENV)/.installed
	$(BIN)/python -m hypercare.policy_page

clean:
	@test ! -x $(BIN)/python || $(BIN)/python -m launch clean
	rm -rf .hypercare

lock: $(VENV)/bin/uv
	$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.txt
	$(BIN)/uv pip compile -q --group dev -c requirements.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements-dev.txt

$(VENV)/bin/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.9

$(VENV)/.installed: requirements.txt $(VENV)/bin/uv
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@
