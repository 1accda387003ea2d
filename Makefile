# `make` alone prints this help. Every target does its own set-up, once.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
# Test processes. The stack under test is one, whatever their number.
TEST_WORKERS ?= 2
# Passed on to the command behind a target: make token ARGS="--role admin", make test ARGS="-k sign_up".
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "} /^## /{printf "\n%s\n", substr($$0, 4)} /^[a-z-]+:.*## /{printf "  %-14s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nARGS="..." is passed on, as in: make token ARGS="--role admin"\n'

# --- set-up: one virtual environment from the locks, hashes checked -------------------------------
# A checkout that was moved or copied, or whose Python is gone, starts anew.
STALE := $(shell [ -x $(BIN)/python ] && [ "$$(cat $(VENV)/.made-for 2>/dev/null)" = "$$(pwd -P)" ] || echo stale)
ifneq ($(STALE),)
$(VENV)/.runtime $(VENV)/.dev: stale
.PHONY: stale
stale:
endif

$(VENV)/.runtime: requirements.lock scripts/environment.py
	@$(PYTHON) scripts/environment.py runtime

$(VENV)/.dev: requirements.lock requirements-dev.lock scripts/environment.py
	@$(PYTHON) scripts/environment.py dev

## Run
.PHONY: up down status logs token demo clean-state
up: $(VENV)/.runtime ## start everything and stay in the foreground; Ctrl-C stops it in order
	@exec $(BIN)/fitnesshub up $(ARGS)

down: $(VENV)/.runtime ## stop the stack of this state folder
	@exec $(BIN)/fitnesshub down $(ARGS)

status: $(VENV)/.runtime ## tell what runs, and where
	@exec $(BIN)/fitnesshub status $(ARGS)

logs: $(VENV)/.runtime ## show the logs; ARGS=workout shows those of one service
	@exec $(BIN)/fitnesshub logs $(ARGS)

token: $(VENV)/.runtime ## print an access token for a local user
	@exec $(BIN)/fitnesshub token $(ARGS)

demo: $(VENV)/.runtime ## play one day of an athlete, call by call; starts a stack if none runs
	@exec $(BIN)/fitnesshub demo $(ARGS)

clean-state: $(VENV)/.runtime ## delete the state of the stopped stack: database, keys, logs
	@exec $(BIN)/fitnesshub clean-state $(ARGS)

## Check
.PHONY: check test test-unit lint types imports contract
check: lint types imports contract test ## everything that CI runs

test: $(VENV)/.dev ## run the whole suite; ARGS="-k sign_up" runs a part
	@exec $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup $(ARGS)

test-unit: $(VENV)/.dev ## run the unit tests: seconds, no servers
	@exec $(BIN)/python -m pytest tests/unit $(ARGS)

lint: $(VENV)/.dev ## ruff: style, likely mistakes, format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy, strict
	@$(BIN)/mypy

imports: $(VENV)/.dev ## import-linter: who may import whom
	@$(BIN)/lint-imports --no-logo

contract: $(VENV)/.dev ## generated files are fresh, buf lint, buf breaking
	@$(BIN)/python -m chassis.edge.generate --check
	@$(BIN)/python -m chassis.edge.buf lint
	@$(BIN)/python -m chassis.edge.buf breaking

## Measure
.PHONY: bench-pipeline bench-cache
bench-pipeline: $(VENV)/.dev ## events a second from outbox to effect; writes docs/performance.md
	@exec $(BIN)/python -m bench.pipeline

bench-cache: $(VENV)/.dev ## searches with and without the cache; writes docs/performance.md
	@exec $(BIN)/python -m bench.cache

## Generate
.PHONY: gen freeze format lock set-up
gen: $(VENV)/.dev ## everything that comes from proto/: stubs, edge configuration, documents
	@$(BIN)/python -m chassis.edge.generate

freeze: $(VENV)/.dev ## at a release: what later changes of proto/ mustn't break
	@$(BIN)/python -m chassis.edge.buf image

format: $(VENV)/.dev ## put the code in its standard form
	@$(BIN)/ruff check --select I --fix --quiet .
	@$(BIN)/ruff format --quiet .

lock: ## write both locks anew; ARGS=--upgrade takes the newest versions
	@$(PYTHON) scripts/environment.py lock $(ARGS)

set-up: $(VENV)/.dev ## only make the environment, as every other target does by itself
