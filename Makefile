# A few verbs. `make report` and `make test` set up everything they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help report test fix docs bench mcpb ray ollama clean

help: ## show the verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

report: .venv/run ## set up, get the model, and make a report from examples/inbox
	$(BIN)/digest model pull
	$(BIN)/digest model build
	$(BIN)/digest run --source mailbox:examples/inbox --since 2026-11-01 --engine embedded \
		--out reports --ledger reports/.ledger.db

test: .venv/dev ## set up, and run every check and test
	$(BIN)/digest model pull
	$(BIN)/digest model build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cog --check README.md docs/cli.md
	$(BIN)/pytest

fix: .venv/dev ## format, mend what can be mended, bring the docs up to date
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/cog -r README.md docs/cli.md

bench: .venv/dev ## measure; quiet machine, minutes
	$(BIN)/python benchmarks/throughput.py

mcpb: .venv/dev ## pack dist/digest.mcpb, the bundle for desktop assistants
	$(BIN)/python packaging/mcpb/pack.py

fuzz: .venv/dev ## feed broken content to every reader for SECONDS (300); ATHERIS=1: steered by coverage
	$(if $(ATHERIS),$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris>=3')
	$(BIN)/python tests/fuzz.py $(if $(ATHERIS),atheris) $(or $(SECONDS),300)

ray: .venv/dev ## install Ray (200 MB) and test `digest bulk` on it, killed for real
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[ray]'
	$(BIN)/pytest tests/integrations/bulk/test_ray.py

ollama: .venv/dev ## test on a real Ollama server: make ollama DIGEST_OLLAMA=localhost:11434
	@test -n "$(DIGEST_OLLAMA)" || { echo "name the server: make ollama DIGEST_OLLAMA=localhost:11434"; exit 2; }
	$(BIN)/digest model pull
	DIGEST_OLLAMA=$(DIGEST_OLLAMA) $(BIN)/pytest -v tests/cli/test_ollama_way.py tests/digest/engines/test_ollama_real.py

clean: ## remove what was made here (not the model in the user's cache)
	rm -rf .venv dist reports runs

# Stamps: the venv is made once, and again when the dependencies change.
.venv/run: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	touch $@

.venv/dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ .venv/run
