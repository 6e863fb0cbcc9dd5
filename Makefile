# Talks: `make` lists what there is.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo run test quick cover bench soak check format

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

.venv/runtime: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Talks needs Python 3.11 or newer; PYTHON=/path/to/python3 make … names one." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; echo "Python cannot make environments here: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/development: requirements-dev.txt .venv/runtime
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: export DATABASE_URL = sqlite:///instance/demo.db
demo: .venv/runtime ## the site with its sample, at http://127.0.0.1:8000 (PORT=)
	@$(BIN)/flask --app main load-demo
	@exec $(BIN)/gunicorn

run: .venv/runtime ## your own site
	@exec $(BIN)/gunicorn

test: .venv/development ## lint and the whole suite, browser and servers included
	@$(BIN)/python tests/install.py
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n auto

quick: .venv/development check ## lint and the suite without browser, servers and slow tests, under two minutes
	$(BIN)/python -m pytest -n auto -q --hypothesis-profile=few -m "not browser and not server and not slow and not archive"

cover: .venv/development ## branch coverage as HTML in htmlcov/
	$(BIN)/python -m coverage run -m pytest -q -m "not browser and not server and not archive"
	$(BIN)/python -m coverage html
	@echo "htmlcov/index.html"

bench: .venv/development ## ratios against the limits; writes the table in docs/performance.md
	$(BIN)/python -m bench

soak: .venv/development ## the whole suite with many more random examples
	TALKS_SOAK=1 $(BIN)/python -m pytest -n auto -q

check: .venv/development ## lint and format, changing nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/djlint --check --lint --quiet talks/templates

format: .venv/development ## put imports and code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
