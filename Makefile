# What a person does with a checkout. Each target sets up what it needs by itself.
#   ARGS=…          passed on: make run ARGS="--input talk.wav", make test ARGS="-k endpoint"
#   PYTHON=…        the Python to set up with (3.10 to 3.13)
#   TORCH_INDEX=…   where to take torch from, if not the CPU build

VENV_PYTHON := .venv/bin/python
# Tests wait for processes and sound as much as they compute: three files keep two cores busy.
# Real sound in real time then is late now and then: what fails gets a second look, and is named.
PYTEST := $(VENV_PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder --reruns 1 -r fER

.DEFAULT_GOAL := help
.PHONY: help run test lint check soak fresh bench demo models hashes clean

help: ## say what there is
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1	\2/p' Makefile

run: ## talk with Attune
	@deploy/setup.sh --for run
	@.venv/bin/assistant run --fetch $(ARGS)

test: ## run the tests
	@deploy/setup.sh --for test
	@$(PYTEST) $(ARGS)

lint: ## format, lint, types and layers
	@deploy/setup.sh --for check
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m pyright --pythonpath $(VENV_PYTHON)
	.venv/bin/lint-imports

check: lint test ## everything that a change has to pass

soak: ## run the tests that take hours; broken off with Ctrl-C, the next run goes on from there
	@deploy/setup.sh --for test
	@$(VENV_PYTHON) -m pytest -m soak -o faulthandler_timeout=3600 $(ARGS)

fresh: ## prove the first set-up in a Debian made for it (as root, with debootstrap; half an hour)
	@python3 tests/deploy/fresh.py

demo: ## watch Attune learn how a simulated speaker talks
	@deploy/setup.sh --for test
	@$(VENV_PYTHON) -m bench.demo $(ARGS)

bench: ## measure the stages of a turn
	@deploy/setup.sh --for test
	@$(VENV_PYTHON) bench/turn.py $(ARGS)

models: ## make the starter models anew (hours)
	@deploy/setup.sh --for test
	@$(VENV_PYTHON) -m models.recipe $(ARGS)

hashes: ## pin the files of what constraints.txt names by hash
	@deploy/setup.sh --for check
	@grep -v '^torch==' constraints.txt | .venv/bin/uv pip compile - --quiet --universal \
	  --python-version 3.10 --no-deps --generate-hashes --no-annotate --no-header >hashes.part
	@grep -hv '^#' hashes.part deploy/torch.txt >hashes.txt && rm hashes.part

clean: ## remove what set-up, tests and builds left behind
	rm -rf .venv build dist .pytest_cache .ruff_cache .import_linter_cache
	find assistant tests bench models -name __pycache__ -type d -prune -exec rm -rf {} +
