# The few errands: the same door for people and for CI. Everything lives in .venv; nothing outside this folder is touched.

PYTHON ?= python3
BIN := .venv/bin
# Twice quiet: what is wrong is said, what a machine's own index configuration mutters is not.
PIP := -m pip --quiet --quiet --disable-pip-version-check --no-input

.PHONY: setup run test check bench lab kill docs lock
.DELETE_ON_ERROR:

setup: .venv/ready
	@:

run: .venv/ready
	@$(BIN)/feldsher demo

test: .venv/ready
	@$(BIN)/python -m pytest --quiet --numprocesses 2 --dist worksteal -m "not lab and not kill"

check: .venv/ready
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@echo "check: formatted, linted, typed"

bench: .venv/ready
	@$(BIN)/python -m bench

# Real machines with systemd, booted for the test. Wants root; says so where it cannot.
lab: .venv/ready
	@$(BIN)/python -m pytest --quiet -m lab tests/lab

# Kills the collector, the resident and the hands at random, many times, and counts what is left.
kill: .venv/ready
	@$(BIN)/python -m pytest --quiet -m kill

# Pages that are built from the code: probes, commands, errors.
docs: .venv/ready
	@$(BIN)/python -m docs.generate

# Every version and its hash anew, from pyproject.toml. The resolver lives in a folder of its own: the product needs none.
lock: .venv/ready
	@$(BIN)/python -m venv .venv/resolver
	@.venv/resolver/bin/python $(PIP) install uv
	@mkdir -p .venv/resolver/project && cp pyproject.toml .venv/resolver/project/
	@cd .venv/resolver/project && ../bin/uv --quiet lock --upgrade && ../bin/uv --quiet export --frozen --all-extras --all-groups --no-emit-project --no-header --no-annotate --output-file lock.txt >/dev/null
	@{ echo "# Every version and its hash, for \`make setup\`. Made by \`make lock\` from pyproject.toml."; cat .venv/resolver/project/lock.txt; } > requirements.lock
	@echo "lock: $$(grep -c == requirements.lock) libraries"

.venv/ready: requirements.lock pyproject.toml
	@command -v git >/dev/null || { echo "make: git is missing: apt-get install git" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "make: Python 3.11 or newer is missing: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $$($(PYTHON) --version) is too old, 3.11 or newer is needed: install it and call make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: Python's venv is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "setup: .venv"
	@$(PYTHON) -m venv .venv
	@echo "setup: the libraries of requirements.lock, each checked against its hash"
	@$(BIN)/python $(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@echo "setup: feldsher itself"
	@$(BIN)/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch .venv/ready
