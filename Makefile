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
SITE ?=
PORT ?= 8000
PAGES ?=
STUDENT ?=
STUDENTS ?=
SUBMITTED ?=
OUT ?=
WRITTEN ?=
SECONDS ?=
MEMORY ?=
SEED ?= 1
KEY ?=
RUNS ?= 5
# A home that is missing or cannot be written to (a container, a service) is replaced.
ifneq ($(shell test -d "$$HOME" -a -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/.ran/home
export PIP_NO_CACHE_DIR := 1
$(shell mkdir -p "$$PWD/.ran/home")
endif
# Settings of the user's: an environment refuses what pip may be told, and files are UTF-8
# whatever the terminal's language is.
export PIP_USER := 0
export PYTHONUTF8 := 1
# Test processes; each runs torch on one thread, so that they do not fight for cores.
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# A file's tests run in one process, which prepares once what they share.
BY_FILE := --dist loadfile --no-loadscope-reorder

# pip's progress, without a line for each package that is there; after Ctrl-C its end too.
QUIETER := { trap '' INT; grep --line-buffered -v 'already satisfied' || true; }

# A command of tools/teach, and an option of it where it is said.
FOR_TEACHERS = OMP_NUM_THREADS=1 PYTHONPATH=tools $(TEACH)/bin/python -m
option = $(if $(2),--$(1) "$(2)")

# By -m, as all tools: a script in bin/ names its Python by a path, which not all shells
# can read.
LINT_IMPORTS := $(BIN)/python -c 'import importlinter.cli as c; c.lint_imports_command()' --no-cache
READY_BOOK := $(VENV)/.ready-book
READY_TEST := $(VENV)/.ready-test
TEACH := .venv-teach
READY_TEACH := $(TEACH)/.ready-teach

.PHONY: help book chapters chapter serve test check site-check lint format types bench networks claims pretrain gpu-kit jupyter slides worksheet lab stills teach assignment grade solutions address clean

help:  ## list these targets
	@echo "Usage: make TARGET. On a fresh clone: make book, then make test."
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  \1 | /' \
	  | awk -F '|' '{printf "%-14s%s\n", $$1, $$2}'

# --- the environment -------------------------------------------------------------
# tools/install.sh makes it and says whether it is whole; the stamps are written last.
AGAIN := $(shell sh tools/install.sh "$(VENV)" --whole || echo again)
.PHONY: again

$(READY_BOOK): requirements.txt pyproject.toml $(AGAIN)
	@echo "== installing the book's requirements (a few minutes the first time)"
	@sh tools/install.sh "$(VENV)" "$(PYTHON)" -e . -r requirements.txt | $(QUIETER)
	@touch $@

$(READY_TEST): $(READY_BOOK) requirements-test.txt
	@echo "== installing the test requirements"
	@sh tools/install.sh "$(VENV)" "$(PYTHON)" -r requirements-test.txt | $(QUIETER)
	@touch $@

# What teachers need stands on top: what it lacks it takes from the book's environment.
TEACH_AGAIN := $(shell sh tools/install.sh "$(TEACH)" --whole || echo again)
$(READY_TEACH): $(READY_BOOK) requirements-teach.txt $(TEACH_AGAIN)
	@echo "== installing what teachers need"
	@sh tools/install.sh "$(TEACH)" "$(BIN)/python" pip | $(QUIETER)
	@$(BIN)/python tools/stand_on.py "$(TEACH)"
	@sh tools/install.sh "$(TEACH)" "$(BIN)/python" -r requirements-teach.txt | $(QUIETER)
	@touch $@

# --- the book --------------------------------------------------------------------
chapters: $(READY_BOOK)  ## run the chapters whose code, or whose part of simseg_core, changed
	@$(BIN)/python tools/run_chapters.py

chapter: $(READY_BOOK)  ## run one chapter again: make chapter NAME=03_unet
	@$(BIN)/python tools/run_chapters.py --again "$(NAME)"

book: chapters  ## run what changed and build the book into _build/html
	@$(BIN)/python tools/build_book.py

serve:  ## read the built book at http://localhost:8000 (PORT=...)
	@test -f _build/html/index.html || \
	  { echo "No book to serve yet. Remedy: make book" >&2; exit 1; }
	@echo "== http://localhost:$(PORT)/  (Ctrl-C stops)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

jupyter: $(READY_BOOK)  ## open the chapters in JupyterLab
	@$(BIN)/python -m jupyter lab chapters

slides: $(READY_BOOK)  ## a chapter's slides from its last run: make slides NAME=03_unet
	@PYTHONPATH=tools $(BIN)/python -m teach.lecture.slides "$(NAME)"

worksheet: $(READY_BOOK)  ## a worksheet to print, or its key: make worksheet NAME=03_unet SEED=2 KEY=1
	@PYTHONPATH=tools $(BIN)/python -m teach.lecture.worksheet $(if $(KEY),--key) --seed "$(SEED)" "$(NAME)"

stills: $(READY_TEST)  ## draw the still pictures of the explorers again, in Chromium
	@$(BIN)/python tools/draw_stills.py

address: $(READY_BOOK)  ## say once where the repository lives: make address URL=https://github.com/OWNER/NAME
	@$(BIN)/python tools/set_address.py "$(URL)" "$(SITE)"

# --- teaching --------------------------------------------------------------------
teach: $(READY_TEACH)  ## install what hands out and grades assignments, into .venv-teach
	@echo "== ready. Next: make assignment NAME=03_unet"

assignment: $(READY_TEACH)  ## write what students get: make assignment NAME=03_unet STUDENTS=class.csv
	@$(FOR_TEACHERS) teach.assignments.release "$(NAME)" $(call option,students,$(STUDENTS)) $(call option,out,$(OUT))

grade: $(READY_TEACH)  ## grade a class: make grade NAME=03_unet SUBMITTED=folder JOBS=2
	@$(FOR_TEACHERS) teach.grading.grade "$(NAME)" "$(SUBMITTED)" $(call option,students,$(STUDENTS)) \
	  $(call option,out,$(OUT)) $(call option,written,$(WRITTEN)) $(call option,jobs,$(JOBS)) \
	  $(call option,seconds,$(SECONDS)) $(call option,memory,$(MEMORY))

solutions: $(READY_TEACH)  ## write the assignments with their solutions, for teachers alone
	@$(FOR_TEACHERS) teach.assignments.solutions $(if $(NAME),"$(NAME)") $(call option,student,$(STUDENT)) \
	  $(call option,out,$(OUT))

# --- checks ----------------------------------------------------------------------
test: $(READY_TEST) lint types book check  ## install what is missing, then every check and test

check: $(READY_TEST) $(READY_TEACH)  ## the tests alone, on what is built
	@echo "== tests"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) $(BY_FILE)

site-check: $(READY_BOOK)  ## let Lighthouse judge the built pages: make site-check PAGES="index chapters/03_unet" RUNS=5
	@$(BIN)/python tools/site_check.py --runs $(RUNS) $(PAGES)

lint: $(READY_TEST)  ## formatting, lint, import contracts, notebooks without outputs
	@echo "== lint"
	@$(BIN)/python -m ruff format --check -q . || { echo "Remedy: make format" >&2; exit 1; }
	@$(BIN)/python -m ruff check -q .
	@$(LINT_IMPORTS) > /dev/null || $(LINT_IMPORTS)
	@$(BIN)/python -m nbstripout --keep-id --verify chapters/*.ipynb || { echo "Remedy: make format" >&2; exit 1; }

types: $(READY_TEST)  ## type check
	@echo "== types"
	@$(BIN)/python -m mypy

format: $(READY_TEST)  ## format the code, strip outputs from the chapters
	@$(BIN)/python -m ruff format -q .
	@$(BIN)/python -m ruff check -q --fix .
	@$(BIN)/python -m nbstripout --keep-id chapters/*.ipynb

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

pretrain: $(READY_BOOK)  ## train the small encoder that the package brings again (a few minutes)
	@$(BIN)/python benchmarks/pretrain_encoder.py

lab: $(READY_BOOK)  ## train the lab's networks and write what its page loads (a few minutes)
	@OMP_NUM_THREADS=1 PYTHONPATH=tools $(BIN)/python -m lab

networks: $(READY_BOOK)  ## train and time all networks alike for chapter 09 (about an hour)
	@$(BIN)/python benchmarks/compare_networks.py

clean:  ## remove what was generated (the environment stays)
	@rm -rf _build .ran .pytest_cache .mypy_cache .ruff_cache .hypothesis
