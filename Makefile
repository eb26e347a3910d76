# Every habit of the project is a target here; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
NAME ?=
URL ?=
PORT ?= 8000
# Test processes; each runs torch on one thread, so that they do not fight for cores.
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# pip's progress, without a line for each package that is already there.
QUIETER := { grep --line-buffered -v 'already satisfied' || true; }

READY_BOOK := $(VENV)/.ready-book
READY_TEST := $(VENV)/.ready-test

.PHONY: help book chapters chapter serve test check lint format types bench networks claims gpu-kit lab address clean

help:  ## list these targets
	@echo "Usage: make TARGET. On a fresh clone: make book, then make test."
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  \1 | /' \
	  | awk -F '|' '{printf "%-12s%s\n", $$1, $$2}'

# --- the environment -------------------------------------------------------------
# A half-made environment has no python in it, so it is made again.
$(BIN)/python: tools/find-python.sh
	@python=$$(sh tools/find-python.sh "$(PYTHON)") && \
	  echo "== environment: $(VENV), from $$python" && \
	  "$$python" -m venv --clear $(VENV) && touch $@

$(READY_BOOK): $(BIN)/python requirements.txt pyproject.toml
	@echo "== installing the book's requirements (a few minutes the first time)"
	@$(BIN)/python -m pip install -e . -r requirements.txt | $(QUIETER)
	@touch $@

$(READY_TEST): $(READY_BOOK) requirements-test.txt
	@echo "== installing the test requirements"
	@$(BIN)/python -m pip install -r requirements-test.txt | $(QUIETER)
	@touch $@

# --- the book --------------------------------------------------------------------
chapters: $(READY_BOOK)  ## run the chapters whose code, or whose part of simseg_core, changed
	@$(BIN)/python tools/run_chapters.py

chapter: $(READY_BOOK)  ## run one chapter again: make chapter NAME=03_unet
	@$(BIN)/python tools/run_chapters.py --again "$(NAME)"

book: chapters  ## run what changed and build the book into _build/html
	@echo "== building the book"
	@$(BIN)/jupyter-book build . -W --keep-going -q
	@cp -R book/_static/. _build/html/_static/  # Sphinx leaves these when no page changed
	@echo "== the book: file://$(CURDIR)/_build/html/index.html   (or: make serve)"

serve:  ## read the built book at http://localhost:8000 (PORT=...)
	@test -f _build/html/index.html || \
	  { echo "No book to serve yet. Remedy: make book" >&2; exit 1; }
	@echo "== http://localhost:$(PORT)/  (Ctrl-C stops)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: $(READY_BOOK)  ## open the chapters in JupyterLab
	@$(BIN)/jupyter lab chapters

address: $(READY_BOOK)  ## say once where the repository lives: make address URL=https://github.com/OWNER/NAME
	@$(BIN)/python tools/set_address.py "$(URL)"

# --- checks ----------------------------------------------------------------------
test: $(READY_TEST) lint types book check  ## install what is missing, then every check and test

check: $(READY_TEST)  ## the tests alone, on what is built
	@echo "== tests"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS)

lint: $(READY_TEST)  ## formatting, lint, import contracts, notebooks without outputs
	@echo "== lint"
	@$(BIN)/ruff format --check -q . || { echo "Remedy: make format" >&2; exit 1; }
	@$(BIN)/ruff check -q .
	@$(BIN)/lint-imports --no-cache > /dev/null || $(BIN)/lint-imports --no-cache
	@$(BIN)/nbstripout --keep-id --verify chapters/*.ipynb || { echo "Remedy: make format" >&2; exit 1; }

types: $(READY_TEST)  ## type check
	@echo "== types"
	@$(BIN)/mypy

format: $(READY_TEST)  ## format the code, strip outputs from the chapters
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .
	@$(BIN)/nbstripout --keep-id chapters/*.ipynb

bench: $(READY_TEST)  ## run every script in benchmarks/
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

gpu-kit: $(READY_BOOK)  ## pack the wheels that tools/on_gpu.sh needs on a bare GPU machine
	@rm -rf .gpu-kit
	@$(BIN)/python -m pip download -q --no-deps --only-binary=:all: -d .gpu-kit \
	  --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 \
	  --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -r requirements-gpu.txt
	@du -shc .gpu-kit | tail -n 1
	@echo "== packed into .gpu-kit. Copy the folder there; then: tools/on_gpu.sh OUT"

claims: $(READY_BOOK)  ## run the chapters' claims again on seeds they do not show (about an hour)
	@$(BIN)/python benchmarks/claims_on_other_seeds.py

networks: $(READY_BOOK)  ## train and time all networks alike for the closing chapter (about an hour)
	@$(BIN)/python benchmarks/compare_networks.py

clean:  ## remove what was generated (the environment stays)
	@rm -rf _build .ran .pytest_cache .mypy_cache .ruff_cache .hypothesis
