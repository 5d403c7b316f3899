# A few verbs. `make report` and `make test` set up everything they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: fit-extract help report test quick fix bench mcpb fuzz ray ollama clean

PAGES := README.md docs/cli.md docs/architecture.md
# What `quick` tests: a minute of one processor.
QUICK := tests/digest tests/test_rooms.py
say = @printf '\n== %s\n' '$(1)'

help: ## show the verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

report: .venv/run ## set up, get the model, and make a report from examples/inbox
	$(BIN)/digest model pull
	$(BIN)/digest model build
	$(BIN)/digest run --source mailbox:examples/inbox --since 2026-11-01 --engine embedded \
		--out reports --ledger reports/.ledger.db

test: .venv/dev ## set up, and run every check and test
	$(call say,1/5 the model: base weights and the adapter merged into them)
	$(BIN)/digest model pull
	$(BIN)/digest model build
	$(call say,2/5 style: ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(call say,3/5 types and arrows: mypy --strict and import-linter)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(call say,4/5 pages that are made from the code: $(PAGES))
	$(BIN)/cog --check $(PAGES)
	$(call say,5/5 tests: a line for each file)
	$(BIN)/pytest -v

quick: .venv/dev ## the loop of a developer: style, types, arrows and the core's tests
	$(call say,1/3 style: ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(call say,2/3 types and arrows: mypy --strict and import-linter)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(call say,3/3 tests of the core that need no model and start no process)
	$(BIN)/pytest -v -x -m 'not slow and not model' $(QUICK)

fix: .venv/dev ## format, mend what can be mended, bring the docs up to date
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/cog -r $(PAGES)

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

fit-extract: .venv/dev ## fit the weights of letter splitting to ../shared, checked by publisher; minutes
	$(BIN)/python -m finetune.extract.fit

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
