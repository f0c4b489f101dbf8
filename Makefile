# `make run` is all that a machine with Python 3.11 needs; `make help` lists the rest.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
PYTHONS := python3.11 python3 python3.14 python3.13 python3.12

.DEFAULT_GOAL := help
.PHONY: help run demo seed test bench lint format lock verify-audit clean clean-data

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

run: $(INSTALLED) ## Start the service, with embedded stores where none are configured
	@$(PYTHON) -m interview_platform.local

demo: $(INSTALLED) ## Play one whole interview against the running service
	@$(PYTHON) -m tools.demo

seed: $(INSTALLED) ## Fill the pool of the running service with candidates
	@$(PYTHON) -m tools.seed

test: $(INSTALLED) ## Run the tests: make test ARGS="-k login"
	@$(PYTHON) -m pytest -n 3 --dist worksteal $(ARGS)

bench: $(INSTALLED) ## Measure the service beside its peer: make bench ARGS="signal --quick"
	@$(PYTHON) -m bench $(ARGS)

verify-audit: $(INSTALLED) ## Check that no audit entry was changed, dropped or moved
	@$(PYTHON) -m interview_platform.audit.verify $(ARGS)

lint: $(INSTALLED) ## Check style, types and who imports whom
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports

format: $(INSTALLED) ## Put the code in its standard form
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

# The tighter set first: the development set is bound by it.
lock: $(INSTALLED) ## Pin requirements*.in, with hashes, in requirements*.txt
	$(PYTHON) -m pip install --quiet uv
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-dev.in -o requirements-dev.txt

COMPILE = $(PYTHON) -m uv pip compile --quiet --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

clean: ## Remove the virtual environment and caches; data stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-data: ## Remove ./var: the embedded stores' data and the development secret
	rm -rf ./var

$(INSTALLED): requirements-dev.txt
	@found=; \
	for python in $(PYTHONS); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			found=$$python; break; \
		fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'Python 3.11 or newer is needed, and none of these is: $(PYTHONS)' >&2; exit 1; \
	fi; \
	$$found -m venv $(VENV)
	@echo 'Installing into $(VENV), which takes a minute...'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements-dev.txt
	@touch $@
