# The entrance. Needs git, make, python3 (3.11 or newer) with venv; no Docker, no root.
#
#   make demo   everything, with a demonstration fleet and an outage under way   (RESET=1 starts over)
#   make up     a single-node service for evaluation, data in var/               (PORT, BIND, DATA_DIR, DATABASE_URL, REDIS_URL, DEFINITION_URL)
#   make test   the whole suite                                                  (REQUIRE_ALL=1, ARGS="-k name")
#   make hosts  real Debian hosts, until Ctrl-C; needs root                      (N=3)
#   make bench  measurements, with a table and benchmarks/results/               (ONLY=scan, ARGS="HOSTS=500")
#   make check  format, lint, types, import contracts, migrations, OpenAPI, docs in step

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=
ONLY ?=
N ?= 3
export PORT BIND DATA_DIR DATABASE_URL DATABASE_OWNER_URL DATABASE_SERVING_ROLE REDIS_URL DEFINITION_URL RESET REQUIRE_ALL

.DEFAULT_GOAL := help
.PHONY: help demo up engines manage keys test bench hosts check format docs lock venv venv-dev clean

help:
	@sed -n 's/^#   //p' Makefile

# --die-with-parent: should make itself be killed, nothing stays behind.
demo: venv
	@$(PY) -m config.launch --die-with-parent demo

up: venv
	@$(PY) -m config.launch --die-with-parent up

# PostgreSQL and Valkey alone, for development: keeps running, says which file to source.
engines: venv
	@$(PY) -m config.launch --die-with-parent engines

# make manage ARGS="create_token ci --role automation --sponsor ana": against the service that `make up` runs.
manage: venv
	@$(PY) -m config.launch with -- $(PY) manage.py $(ARGS)

# Fresh secrets for docker-compose.yml and other installations: make -s keys > .env
keys: venv
	@$(PY) -m config.keys

test: venv-dev
	@$(PY) -m config.launch exec -- $(PY) -m pytest -n auto --dist loadgroup $(ARGS)

# Slow: ten thousand simulated hosts, real workers. docs/benchmarks.md says what each key means.
bench: venv-dev
	@$(PY) -m benchmarks $(ONLY) $(ARGS)

# Real machines with systemd and sshd, as the tests have them (tests/hosts/machines.py), to try things on.
hosts: venv
	@$(PY) -m tests.hosts --die-with-parent $(N)

check: venv-dev
	@$(PY) -m config.check

format: venv-dev
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

# The virtual environment follows the requirements: a stamp holds the hash of what was installed from.
venv:
	@PYTHON="$(PYTHON)" sh config/venv.sh $(VENV) requirements-embedded.txt

venv-dev:
	@PYTHON="$(PYTHON)" sh config/venv.sh $(VENV) requirements-dev.txt requirements-embedded.txt

# Pins again. The hashes are those of the public files: the machine's own pip configuration is left out.
LOCK := env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_INDEX_URL PIP_CONFIG_FILE=/dev/null $(VENV)/bin/pip-compile \
	--quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links
lock: venv-dev
	$(LOCK) -o requirements.txt requirements.in
	$(LOCK) -o requirements-embedded.txt requirements-embedded.in
	$(LOCK) -o requirements-dev.txt requirements-dev.in

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
