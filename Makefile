# Everything begins with `make`: the environment in .venv is made and kept up to date by itself.
#   PYTHON=python3.12 make setup     another interpreter
#   make up ARGS="--workers 4"       options of `longshore up`; the same for demo, bench and test
#   make fleet API=3 WORKER=4        so many APIs and workers in containers; as many as there are where not told
#   make test JOBS=0                 in one process, as a debugger wants it; each of several has its own services
#   make test SERVICES=embedded      on services from wheels, even where there is Docker
#   make chaos SEEDS=30 ARGS="--jobs 2"     two rounds at once; a fleet by itself keeps two cores busy
#   make fuzz EXAMPLES=5000 SEED=7   so many hostile inputs a test; the same seed makes the same ones

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
EXAMPLES ?= 1000
SEED ?= $(shell date +%s)
SEEDS ?= 10
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo up test fuzz chaos lint check bench lock clean fleet fleet-scale fleet-demo fleet-restart fleet-down images-offline test-fleet

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Prepare .venv with the pinned requirements
	@:

demo: $(READY) ## A tour of the whole service; leaves nothing behind
	@$(BIN)/longshore demo $(ARGS)

up: $(READY) ## The whole service on this machine, until Ctrl-C
	@exec $(BIN)/longshore up $(ARGS)

test: $(READY) ## Every test, on real Postgres and Redis
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart=0 $(ARGS)

fuzz: SEED := $(SEED)
fuzz: $(READY) ## Hostile input at length: EXAMPLES a test, by SEED
	@echo "make fuzz EXAMPLES=$(EXAMPLES) SEED=$(SEED)"
	@$(BIN)/python -m pytest tests/fuzz --fuzz-examples=$(EXAMPLES) --hypothesis-seed=$(SEED) \
		-o faulthandler_timeout=0 $(ARGS)

chaos: $(READY) ## Faults drawn from seeds on a real fleet: make chaos SEEDS=20
	@$(BIN)/python -m tests.faults --seeds $(SEEDS) $(ARGS)

fleet: ## The whole service in containers, behind a load balancer
	@docker/fleet.sh up

fleet-scale: ## More of them, or fewer, while they run: make fleet-scale API=3
	@docker/fleet.sh scale

fleet-restart: ## One container after the other on the newest image; nothing is lost
	@docker/fleet.sh restart

fleet-demo: ## A tour through the fleet's load balancer
	@docker/fleet.sh demo

fleet-down: ## Stop the fleet; the data stays
	@docker/fleet.sh down

test-fleet: $(READY) ## What a fleet of real containers does when parts of it come and go
	@$(BIN)/python -m pytest tests/fleet --fleet $(ARGS)

images-offline: ## The fleet's base images from this machine's packages, without a registry
	@docker/offline/images.sh

lint: $(READY) ## Style, types and the rules between packages
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: lint test ## lint and test

bench: $(READY) ## Documents per second against plain COPY
	@$(BIN)/python -m tests.benchmarks $(ARGS)

lock: $(READY) ## Pin the newest versions that pyproject.toml allows
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@set -e; lock() { \
	    $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
	        --no-header --no-annotate "$$@"; \
	}; \
	lock pyproject.toml --output-file requirements/runtime.txt; \
	lock pyproject.toml --extra embedded --extra dev --constraint requirements/runtime.txt \
	    --output-file requirements/dev.txt; \
	lock --group offline --constraint requirements/dev.txt --output-file requirements/offline.txt; \
	lock --group bench --constraint requirements/runtime.txt --output-file requirements/bench.txt

clean: ## Remove .venv and caches; keeps the data in .longshore
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis .import_linter_cache
	@find api workers shared tests -name __pycache__ -prune -exec rm -rf {} +

$(READY): requirements/dev.txt requirements/setup.sh pyproject.toml
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh requirements/setup.sh
	@touch $@
