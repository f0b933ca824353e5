# `make demo` and `make test` need nothing prepared but Python 3.11 or newer: they make .venv themselves.
# Another interpreter: make PYTHON=python3.13 test. One folder of tests: make test TESTS=tests/demo. In how many
# processes at once: make test WORKERS=1; otherwise one a processor, and four at most: each may start a browser.

PYTHON ?= python3
TESTS ?=
WORKERS ?= auto
VENV := .venv
BIN := $(VENV)/bin
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
INSTALLED := $(VENV)/.installed-$(VERSION)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo docs test test-docker lint check format soak soak-contract bench release clean distclean

help:
	@echo 'make demo    try it: a small project is run under capture in .demo/ and questions are asked of it'
	@echo 'make test    the whole test suite'
	@echo 'make test-docker  the store in a Neo4j of docker-compose.yml'
	@echo 'make check   ruff, mypy --strict, then the test suite'
	@echo 'make format  let ruff lay the code out'
	@echo 'make soak    the long tests; make bench: the benchmarks'
	@echo 'make soak-contract  the contract suite alone, for about half an hour'
	@echo 'make docs    the manual, into build/site/'
	@echo 'make release the distributions of a release, into dist/'
	@echo 'make clean   remove what was built; make distclean: and the virtual environment'

install: $(INSTALLED)

demo: $(INSTALLED)
	$(BIN)/provgraph demo .demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -rs --numprocesses $(WORKERS) --maxprocesses 4 --dist loadscope \
	    --no-loadscope-reorder $(TESTS)

# provgraph/query and provgraph/ingest are links to query/ and ingest/. Ruff follows no links and
# checks the folders themselves; mypy follows them, and skips the folders (pyproject.toml).
lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint
	$(MAKE) --no-print-directory test

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The store in a Neo4j of docker-compose.yml; fails where no container engine answers or has the image.
test-docker: $(INSTALLED)
	PROVGRAPH_TEST_NEO4J=docker $(BIN)/python -m pytest -rs --timeout=2400 $(or $(TESTS),\
	    tests/contract/test_protocol.py tests/contract/test_neo4j.py tests/neo4j_store/test_store.py \
	    tests/neo4j_store/test_plans.py) -k 'not neo4j_lts and not kept_for_long'

soak: $(INSTALLED)
	HYPOTHESIS_PROFILE=soak PROVGRAPH_KILLS=200 PROVGRAPH_EVENTS=1000000 PROVGRAPH_SCRIPTS=100 PROVGRAPH_PROGRAMS=2000 $(BIN)/python -m pytest -rs --timeout=7200 \
	    $(or $(TESTS),tests/contract tests/query/test_fuzz.py tests/subjects/test_forget_killed.py tests/demo/test_forgotten_in_neo4j.py \
	    tests/capture/test_hostile.py tests/capture/test_any_script.py tests/capture/test_any_shell.py \
	    tests/capture/test_any_program.py tests/packaging/emulated.py)

soak-contract: $(INSTALLED)
	HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -rs --timeout=7200 --numprocesses 2 --dist loadscope \
	    --no-loadscope-reorder tests/contract

bench: $(INSTALLED)
	for benchmark in whole_commands capture_shim shell_hook embedded_store lineage_in_memory git_history compiler web_explorer; do \
	    $(BIN)/python benchmarks/$$benchmark.py || exit 1; done

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# `scriv collect` comes first: docs/contributing.md.
release: $(INSTALLED)
	rm -rf dist
	$(BIN)/python tools/release.py dist

clean:
	rm -rf build dist .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) provgraph.egg-info

# Installed anew when what it needs, or the interpreter, may have changed.
$(INSTALLED): pyproject.toml setup.py $(wildcard ingest/capture/native/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo 'provgraph needs Python 3.11 or newer; $(PYTHON) is $(or $(VERSION),not here).'; \
	    echo 'Choose another one, such as: make PYTHON=python3.13 $(MAKECMDGOALS)'; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo '$(PYTHON) cannot make virtual environments: its module ensurepip is missing.'; \
	    echo 'On Debian and Ubuntu: apt install python$(VERSION)-venv'; exit 1; } >&2
	@$(BIN)/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(VERSION)")' \
	    2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --editable '.[demo,fast,web,notebook,sql,subjects,neo4j,neo4j-server]' --group dev
	@touch $@
