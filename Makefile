# Countinghouse: one command each. Needs make, a shell and Python 3.11 or newer; the rest is
# installed into .venv from hashed requirements.

.DEFAULT_GOAL := help
.PHONY: help install demo demo-reset test bench lock

# The first Python that is new enough; `make PYTHON=/path/to/python3.12 demo` chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)
BOOTSTRAP = "$(or $(PYTHON),python3)" demo/bootstrap.py
VENV = .venv/bin/python
# The checks read the settings and connect to nothing.
CHECK_ENV = env -u DATABASE_URL_FILE -u CELERY_BROKER_URL_FILE -u SECRET_KEY_FILE -u FIELD_KEYS_FILE \
	SECRET_KEY=checks-only FIELD_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= DEBUG=false \
	DATABASE_URL=postgres://nobody@127.0.0.1:9/none CELERY_BROKER_URL=redis://127.0.0.1:9/0

# Tests wait for servers now and then: three of them keep two cores busy.
WORKERS ?= $(shell nproc 2>/dev/null | awk '{ n = $$1 < 3 ? 3 : $$1; print (n > 8 ? 8 : n) }' | grep . || echo 3)

help:
	@echo "make demo        install and start everything with a sample company (PORT=9000 make demo)"
	@echo "make demo-reset  empty the demo's data"
	@echo "make install     only install, into .venv"
	@echo "make test        lint, types, import contracts, migrations and the whole test suite"
	@echo "make bench       measure the import; ROWS=5000000 make bench scales it"
	@echo "make lock        re-make requirements/*.txt from pyproject.toml"

install:
	@exec $(BOOTSTRAP) demo

demo:
	@exec $(BOOTSTRAP) demo
	@exec $(VENV) -m demo

demo-reset:
	@exec "$(or $(PYTHON),python3)" -m demo.reset

test:
	@exec $(BOOTSTRAP) dev
	@echo "== Lint (ruff)"
	@$(VENV) -m ruff check .
	@echo "== Format (ruff)"
	@$(VENV) -m ruff format --check .
	@echo "== Types (mypy)"
	@$(CHECK_ENV) $(VENV) -m mypy
	@echo "== Import contracts (import-linter)"
	@.venv/bin/lint-imports
	@echo "== Migrations match the models"
	@$(CHECK_ENV) $(VENV) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@echo "== Templates (djade)"
	@find . -path ./.venv -prune -o -path '*/templates/*.html' -print0 \
		| xargs -0 -r .venv/bin/djade --check --target-version 5.2
	@echo "== Tests (pytest)"
	@$(VENV) -m pytest -n $(WORKERS)

bench:
	@exec $(BOOTSTRAP) dev
	@exec $(VENV) -m bench

lock:
	@exec $(BOOTSTRAP) dev
	@exec $(BOOTSTRAP) lock
