# Commands for people who work on labelaudit. `make` or `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help start check format test test-fast coverage drill lock structure site

PYTEST = .venv/bin/python -m pytest

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

start: ## Install if needed, serve, audit a demo dataset (or DATA=path) and show the result
	scripts/start $(DATA)

check: ## Check formatting, lint, types and import contracts
	scripts/check

format: ## Format the code and fix what lint can fix
	scripts/venv service,worker,dev
	.venv/bin/ruff format --quiet .
	.venv/bin/ruff check --quiet --fix .

test: ## Run every check, then every test (needs Chromium); what CI runs
	scripts/test

test-fast: ## Run the quick tests: no browser, GPU, PostgreSQL or running service; two and a half minutes on two cores
	scripts/venv service,worker,dev
	$(PYTEST) --numprocesses auto -m "not (slow or browser or gpu or application or postgres)" $(ARGS)

coverage: ## Run the tests and print which lines none of them runs
	scripts/venv service,worker,dev
	$(PYTEST) --numprocesses auto --cov --cov-report term-missing $(ARGS)

drill: ## Inject faults into a running service (ARGS="kill-workers --runs 5")
	scripts/drill $(ARGS)

lock: ## Pin every dependency and list the licences (ARGS=--upgrade)
	scripts/lock $(ARGS)

structure: ## Measure how the code is layered (ARGS="--at REV" beside an older commit)
	scripts/structure $(ARGS)

site: ## Build the documents as a website and serve it on this machine
	scripts/site serve
