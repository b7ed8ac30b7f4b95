# Three commands are enough to begin with: `make run`, `make demo` and `make test`.
# On a machine that has Python 3.11 and make, everything else comes into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := . plugins/dummy_plugin plugins/libcloud_plugin plugins/cistern_plugin \
	examples/policy_extension examples/audit_extension
RUNTIME := . plugins/dummy_plugin
PROJECTS := $(addsuffix /pyproject.toml,$(PACKAGES)) setup.py
CONSTRAINTS := requirements/constraints.txt
CONFIG ?= conf/orchestrator.toml
# A process of the tests computes for less than half of its time and waits for servers otherwise,
# so two for each core keep all cores busy.
JOBS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
SPREAD = -n $(JOBS) --dist loadfile --no-loadscope-reorder
UV := build/uv/bin/uv

export PIP_CONSTRAINT := $(abspath $(CONSTRAINTS))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install run demo check quick test cov lowest soak bench docs pages examples wheels lock audit swagger changelog release tag clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed ## Install the core, every plugin and the tools into .venv

$(VENV)/bin/pip:
	@echo "Making a Python environment in $(VENV)"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(addsuffix /pyproject.toml,$(RUNTIME)) setup.py $(CONSTRAINTS) | $(VENV)/bin/pip
	@echo "Installing the server and the dummy cloud into $(VENV): about 20 s, 90 MB"
	$(BIN)/python -m pip install $(addprefix -e ,$(RUNTIME))
	touch $@

$(VENV)/.installed: $(PROJECTS) requirements/dev.txt $(CONSTRAINTS) | $(VENV)/bin/pip
	@echo "Installing every plugin and the tools of the tests into $(VENV): about 2 minutes, 700 MB"
	$(BIN)/python -m pip install --upgrade pip setuptools
	$(BIN)/python -m pip install -r requirements/dev.txt $(addprefix -e ,$(PACKAGES))
	touch $(VENV)/.runtime $@

run: $(VENV)/.runtime ## Serve the dummy cloud on 127.0.0.1:5050
	$(BIN)/orchestrator serve --config $(CONFIG)

demo: $(VENV)/.runtime ## Show a start that survives kill -9, on a server of its own
	$(BIN)/orchestrator demo

check: install ## Lint, types, walls between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	for plugin in plugins/* examples/*; do $(BIN)/mypy $$plugin || exit 1; done
	$(BIN)/lint-imports --no-logo

quick: install ## Lint what changed since main, and run its unit tests
	JOBS=$(JOBS) $(BIN)/python -m tests.quick

test: check ## Everything that CI runs: the checks and the tests
	$(BIN)/pytest $(SPREAD)

cov: install ## All tests, and the branch coverage of the core
	$(BIN)/coverage erase
	status=0; $(BIN)/coverage run -m pytest $(SPREAD) || status=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$status

$(UV):
	$(PYTHON) -m venv build/uv
	build/uv/bin/pip install --quiet uv==0.13.9

lowest: install $(UV) ## All tests with the lowest versions that our packages allow
	$(BIN)/python requirements/lowest.py $(UV) build/lowest/constraints.txt
	$(MAKE) install VENV=build/lowest/venv CONSTRAINTS=build/lowest/constraints.txt
	build/lowest/venv/bin/pytest $(SPREAD)

soak: install ## The long runs: up to an hour, not in CI
	$(BIN)/pytest -m soak --timeout 3600

bench: install ## Ratios to peers, measured side by side in one run (needs wrk)
	$(BIN)/python -m benchmarks

docs: install ## Build the pages into build/docs; warnings are errors
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

pages: install ## Write docs/reference/ and the other generated pages again
	$(BIN)/python -m docs.pages

examples: install ## Record the examples of the API's descriptions from a server, and write the pages that show them
	$(BIN)/python -m tests.api_examples
	$(BIN)/python -m docs.pages

wheels: $(VENV)/bin/pip ## Build the packages as wheels into dist/, to be installed elsewhere
	rm -rf dist build/lib build/bdist* plugins/*/build examples/*/build
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist $(addprefix ./,$(PACKAGES))

lock: install ## Pin what a server needs with hashes, and write the table of licences anew
	test -x build/lock/bin/pip-compile || { $(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet pip-tools==7.6.2; }
	$(BIN)/python requirements/lock.py build/lock/bin/pip-compile
	$(BIN)/python requirements/licences.py docs/reference/dependencies.md

audit: install ## Known vulnerabilities and licences of what is pinned: OSV_URL=... asks an OSV service instead of PyPI
	$(BIN)/python requirements/audit.py $(if $(OSV_URL),--osv-url $(OSV_URL))

swagger: $(VENV)/bin/pip ## Renew the files of the page /docs: make swagger VERSION=5.35.0 (needs npm)
	$(BIN)/python requirements/swagger_ui.py $(VERSION)

changelog: install ## Show the changelog that the fragments make
	$(BIN)/towncrier build --draft --version next

release: install ## Cut a release: make release VERSION=0.2.0 sets the version, writes CHANGELOG.md and the pages
	$(BIN)/python requirements/release.py "$(VERSION)"
	$(MAKE) install pages
	@echo "Now commit all of it as \"release: $(VERSION)\"; when it is on main, run: make tag"

tag: install ## Set the tag of the version on the commit of main that is checked out
	$(BIN)/python requirements/release.py --tag

clean: ## Remove what was built
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
