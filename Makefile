# Each target sets up what it needs in .venv by itself, with uv; where that is done it takes a moment.
# After set-up nothing here needs a network but `make test-all` (it installs breastcad afresh).

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

# What is installed depends on these two files and on the place of the checkout; a stamp in .venv remembers for which it was done.
KEY := $(shell (cat pyproject.toml constraints.txt; pwd) | cksum | cut -d' ' -f1)
BIN := .venv/bin
# Looked up when a recipe needs it: the rule `uv` may just have installed it.
UV = $(shell command -v uv || ls .uv/bin/uv 2>/dev/null || echo python3 -m uv)

.PHONY: help demo test check test-all bench docs format clean uv r-proc setup-demo setup-dev setup-bench

help:
	@echo "make demo      analyse real example images; ends with the path of a report"
	@echo "make test      the tests (under ten minutes on two cores)"
	@echo "make check     style, types, floors, docs up to date"
	@echo "make test-all  the slow tests, an install in a fresh environment, the demo"
	@echo "make bench     measure the budgets of speed"
	@echo "make docs      write again what is generated in docs/"
	@echo "make format    put the code into its form"
	@echo "make clean     remove caches and the environment"

demo: setup-demo
	$(BIN)/breastcad demo --out demo-report --overwrite

test: setup-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n 2 --durations=25 --cov=breastcad --cov-branch --cov-report=term:skip-covered --cov-fail-under=85

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/build.py --check
	$(BIN)/python -m pytest -q tests/test_project.py tests/test_docs.py -m "not slow"

test-all: setup-dev r-proc
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow -n 2 --durations=25
	$(MAKE) --no-print-directory demo

# DeLong's test is held against the published example of R's package pROC, which Debian has as r-cran-proc.
r-proc:
	@Rscript -e 'library(pROC)' >/dev/null 2>&1 \
	  || { [ "$$(id -u)" = 0 ] && { apt-get install -qq -y --no-install-recommends r-cran-proc \
	    || { apt-get update -qq && apt-get install -qq -y --no-install-recommends r-cran-proc; }; } >/dev/null 2>&1; } \
	  || echo "R's package pROC is not here and cannot be installed (that needs root and apt-get): the test against its example skips"

bench: setup-bench
	@failed=0; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || failed=1; done; exit $$failed

docs: setup-dev
	$(BIN)/python docs/build.py

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .uv .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist demo-report

# Every extra that is installed here holds [demo]: where any stamp is, the demo has all it needs. Installing one never removes another.
setup-demo:
	@ls .venv/.breastcad-*-$(KEY) >/dev/null 2>&1 || $(MAKE) --no-print-directory .venv/.breastcad-demo-$(KEY)

setup-dev setup-bench: setup-%:
	@test -e .venv/.breastcad-$*-$(KEY) || $(MAKE) --no-print-directory .venv/.breastcad-$*-$(KEY)

.venv/.breastcad-%-$(KEY): | .venv/bin/python
	$(UV) pip install --python $(BIN)/python -c constraints.txt -e '.[$*]'
	@rm -f .venv/.breastcad-$*-*; touch $@

.venv/bin/python: | uv
	$(UV) venv --allow-existing --python '>=3.11,<3.14' .venv

uv:
	@$(UV) --version >/dev/null 2>&1 || { echo "installing uv into .uv"; python3 -m venv .uv && .uv/bin/python -m pip install --quiet uv; } \
	  || { rm -rf .uv; python3 -m pip install --quiet uv; }
