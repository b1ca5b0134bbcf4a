# Python 3.11 or newer and make are all that is needed. PYTHON=python3.12 make run chooses another Python.

# Relative paths only, so that a folder with spaces in its name works.
venv = .venv/bin

# Tests wait, for processes, browsers and deadlines, half of their time, so six share two cores: WORKERS=0 runs them one after
# another.
WORKERS ?= 6

# Test files are compiled once, and not by each worker of each run, whatever the shell says about it.
unexport PYTHONDONTWRITEBYTECODE

# Fixtures of a file are made once, so a file stays with one worker; tests/conftest.py says which are begun first.
by_file = --dist loadfile --no-loadscope-reorder

# Tests start real servers and browsers, and a deadline can pass while other tests hold both cores. What failed runs once more,
# alone, and must pass there: a busy machine is forgiven and named in the output, a fault fails again.
once_more = printf '\n== Once more, alone: what failed above\n' && \
	$(venv)/pytest --need-tools -n 0 --last-failed --last-failed-no-failures none --maxfail 1 $(ARGS)

# What reaches every branch of bot/ and storage/ in one process; the other tests pass through the same code from outside.
covering = tests/unit/bot tests/unit/storage $(addprefix tests/contract/test_,ledger.py ledger_sqlite.py ledger_postgres.py \
	old_ledgers.py postgres_session.py timelines.py conversations.py feedback.py belongings.py files.py files_blob.py channel.py) \
	tests/unit/adapters tests/unit/teams/test_teams_incoming_files.py

.PHONY: help run playground test coverage crash bench image docs test-unit check format-check lint types imports documents tree lock environments-test

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

run:  ## start the bot on http://127.0.0.1:3978; the first time also make its environments
	@python=$$(scripts/find_python.sh) && "$$python" -m scripts.environments run
	@$(venv)/python -m scripts.chat_bundle
	@exec $(venv)/teamsbot serve

playground:  ## chat with the running bot in Microsoft's Agents Playground: make playground [BOT=http://...]
	@python=$$(scripts/find_python.sh) && "$$python" -m scripts.environments run
	@exec $(venv)/python -m scripts.playground $(BOT)

test: environments-test  ## all tests, the browser's too; fetches what they need: make test [ARGS="-k plot"] [WORKERS=0]
	@$(venv)/python -m scripts.fetch
	@$(venv)/pytest --need-tools -n $(WORKERS) $(by_file) $(ARGS) || { [ $$? = 1 ] && $(once_more); }

coverage: environments-test  ## branch coverage of bot/ and storage/: at least 95 %, or it fails and names the lines
	@$(venv)/python -m scripts.fetch
	@$(venv)/coverage run -m pytest --need-tools -q $(covering) $(ARGS)
	@$(venv)/coverage report

crash: environments-test  ## destruction that takes minutes: kills, full disks, machines that vanish: make crash [ARGS="-k kill --seed 7"]
	@$(venv)/pytest -m "crash or not crash" -v -s tests/crash $(ARGS)

bench: environments-test  ## speed and cost beside peers, each bot on a core of its own: make bench [ARGS="C=50 saturated"]
	@$(venv)/python -m benchmarks.bench $(ARGS)

image: environments-test  ## build the Dockerfile without an engine, and try it: needs root, buildah, debootstrap
	@$(venv)/python -m scripts.image_trial

docs: environments-test  ## the documentation as a site, in .cache/site
	@$(venv)/python -m scripts.docs_site

test-unit: environments-test  ## the fast ring
	@$(venv)/pytest tests/unit -n $(WORKERS) --dist worksteal $(ARGS)

check: format-check lint types imports documents tree docs  ## format, lint, types, architecture, generated pages, addresses in files

format-check: environments-test
	@$(venv)/ruff format --check --quiet || { $(venv)/ruff format --check; exit 1; }

lint: environments-test
	@$(venv)/ruff check

types: environments-test
	@$(venv)/mypy

imports: environments-test
	@$(venv)/lint-imports

documents: environments-test
	@$(venv)/python -m service.settings.docs --check

tree: environments-test
	@$(venv)/python -m scripts.check_tree

lock: environments-test  ## choose the newest packages that pyproject.toml allows, and write them down with their hashes
	@$(venv)/python -m scripts.environments lock

environments-test:
	@python=$$(scripts/find_python.sh) && "$$python" -m scripts.environments test
