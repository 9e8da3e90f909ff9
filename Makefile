# make run and make test need make, git and Python 3.11 with venv; they set up the rest.
PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || echo 2)
RECIPE ?= config/config.yaml
BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) --configfile $(RECIPE)

.PHONY: run test plan lint format lock docs gc

run: .venv/ready  ## train and report the recipe: make run [RECIPE=config/…] [CORES=…]
	@$(SNAKEMAKE) --quiet all
	@$(BIN)/python scripts/plan.py --configfile $(RECIPE) --where

test: .venv/ready  ## the whole test suite
	@$(BIN)/python -m pytest -n 2 --dist loadfile

plan: .venv/ready  ## what would run, and why; starts nothing
	@$(BIN)/python scripts/plan.py --configfile $(RECIPE)

gc: .venv/ready  ## list runs that the recipe does not need, and delete them once confirmed
	@$(BIN)/python scripts/collect_garbage.py --recipe $(RECIPE)

lint: .venv/ready  ## ruff, snakefmt, snakemake --lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile workflow
	@$(BIN)/snakemake --lint

format: .venv/ready  ## lay out all code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/snakefmt Snakefile workflow

lock: .venv/ready  ## requirements.txt from pyproject.toml
	@$(BIN)/python scripts/lock.py

docs: .venv/ready  ## config/README.md and workflow/schemas from the config models
	@$(BIN)/python scripts/docs.py

.venv/ready: requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@
