# `make` alone lists the targets. They need make, git and Python 3.11 with venv, and set up the rest.
PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || echo 2)
export RECIPE ?= config/config.yaml
BIN := .venv/bin
SNAKELM := $(BIN)/snakelm

.PHONY: help run test plan status gc lint format lock docs

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' Makefile | expand -t 10

run: .venv/ready  ## train and report the recipe: make run [RECIPE=config/…] [CORES=…]
	@$(SNAKELM) run --configfile="$$RECIPE" --cores $(CORES)

plan: .venv/ready  ## what would run, and why; starts nothing
	@$(SNAKELM) plan --configfile="$$RECIPE"

status: .venv/ready  ## how far the recipe is, by stage
	@$(SNAKELM) status --configfile="$$RECIPE"

gc: .venv/ready  ## list runs that the recipe does not need, and delete them once confirmed
	@$(SNAKELM) gc --recipe="$$RECIPE"

test: .venv/ready  ## the whole test suite
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST)

lint: .venv/ready  ## ruff, mypy, snakefmt, snakemake --lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/snakefmt --check Snakefile workflow
	@$(BIN)/snakemake --lint

format: .venv/ready  ## lay out all code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/snakefmt Snakefile workflow

lock: .venv/ready  ## requirements*.txt and envs/ from pyproject.toml
	@$(SNAKELM) lock

docs: .venv/ready  ## config/README.md and workflow/schemas from the config models
	@$(SNAKELM) docs

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.venv/ready: requirements.txt requirements-torch.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) --no-deps --requirement requirements.txt
	@$(PIP) --requirement requirements-torch.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@
