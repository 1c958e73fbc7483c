# Everything is done with relative paths and `python -m`, so that a clone whose path has a space in it works too.
# The stamp files inside .venv tell what has been installed; `rm -r .venv` begins anew.

PYTHON ?= python3
PIP_INSTALL := -m pip install -qq --constraint constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

PEERS := .venv/peers/sdk-0.1.45/installed .venv/peers/sdk-0.1.83/installed
RELEASES := 0.1.16 0.1.20 0.1.21 0.1.26 0.1.27 0.1.38 0.1.39 0.1.45 0.1.46 0.1.48 0.1.49 0.1.50 0.1.51 0.1.55 0.1.56 \
  0.1.63 0.1.64 0.1.71 0.1.72 0.1.75 0.1.76 0.1.81 0.1.82 0.1.83

MCP_CLIENT := .venv/peers/fastmcp-4.1.6

.PHONY: help run test first-light chaos fleet soak canaries faults floors releases mcp-clients road models agents units page alerts pooler format format-check lint types contracts peers
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@echo "make run       an agent with a Mycel of its own, from config/local.toml; Ctrl-C stops it"
	@echo "make test      all checks: format-check, lint, types, contracts, tests (PYTEST_ARGS=... for pytest)"
	@echo "make first-light  500 messages, and the daemon is killed with SIGKILL 50 times meanwhile"
	@echo "make chaos     the long form of tests/chaos: a quarter of an hour of kills, cuts and restarts"
	@echo "make fleet     half an hour of hosts that share agents, killed, frozen, cut off; FLEET_ARGS=... as --hosts 3"
	@echo "make soak      an hour under load and faults, with what the daemon uses each minute (SOAK_MINUTES=...)"
	@echo "make canaries  searches all outputs of a run at debug for tokens and texts"
	@echo "make faults    each fault of tests/acceptance/faults: told, and its end told too"
	@echo "make releases  the releases of mycel-sdk that stand for a change, each against the local backend"
	@echo "make floors    the tests with the oldest versions of all packages that pyproject.toml allows"
	@echo "make mcp-clients  the tools of mycel-runtime mcp with another client of the protocol, fastmcp"
	@echo "make road      real gateways and proxies in between; first, as root on Debian: tests/road/install.sh"
	@echo "make models    the genuine LiteLLM proxy, with mocked models, behind the plugin llm; installs it first"
	@echo "make agents    genuine coding agents behind acp and command; installs 3 GB from npm and PyPI first"
	@echo "make units     the unit and its drop-ins under a real systemd in a container; root, 500 MB from Debian first"
	@echo "make alerts    the alerts and the dashboard under Prometheus' own promtool, of Debian's package prometheus"
	@echo "make pooler    a database behind a real PgBouncer, of Debian's package pgbouncer"
	@echo "make page      the page in a real browser: axe, keyboard, other sites, pictures; chromium and axe-core first"
	@echo "make format    mend what format-check and lint can mend by themselves"

# As the terminal's foreground job: Ctrl-C reaches the daemon and not make, which would report an interrupt
# instead of the daemon's exit status.
run: .venv/installed
	@exec .venv/bin/python .ci/foreground.py .venv/bin/python -m mycel_runtime run --config config/local.toml

# One process more than most machines that run this have processors: with two, a third of the time is spent waiting.
# Compiled once, as an installation is, also where PYTHONDONTWRITEBYTECODE has each of a thousand processes do it anew.
test: format-check lint types contracts peers
	@.venv/bin/python -m compileall -q mycel_runtime plugins/mycel_runtime_plugins
	@TMPDIR="$$(sh .ci/scratch)" .venv/bin/python -m pytest --numprocesses 3 --dist worksteal $(PYTEST_ARGS)

# The long form of tests/acceptance/test_first_light.py.
first-light: .venv/installed peers
	@FIRST_LIGHT_KILLS=50 .venv/bin/python -m pytest tests/acceptance/test_first_light.py -k killed -s

releases: $(RELEASES:%=.venv/peers/sdk-%/installed)
	@.venv/bin/python -m tests.contract.releases.campaign

# An environment of its own, with the oldest versions that pyproject.toml names.
floors: .venv/floors/installed peers
	@.venv/floors/bin/python -m pytest -p no:randomly -p no:anyio -q tests/unit tests/contract tests/plugins tests/examples

.venv/floors/installed: pyproject.toml | .venv/installed
	@echo "Setting up $(@D): the oldest versions that pyproject.toml names."
	@.venv/bin/python -m venv --clear $(@D)
	@.venv/bin/python -m tests.floors anthropic openai socks mcp otel postgres > $(@D)/constraints
	@$(@D)/bin/python -m pip install -qq --constraint $(@D)/constraints --editable '.[dev]'
	@touch $@

mcp-clients: .venv/installed $(MCP_CLIENT)/installed
	@.venv/bin/python -m tests.integration.mcp_server.other_client $(MCP_CLIENT)/bin/python

# Needs what tests/road/install.sh installs, and root for the namespaces. ROAD_ARGS: names of rows, or the beginning of
# some, without the namespaces.
road: .venv/installed
	@.venv/bin/python -m tests.road $(ROAD_ARGS)
ifeq ($(ROAD_ARGS),)
	@.venv/bin/python -m tests.road.namespaces
endif

models: .venv/installed .venv/litellm/installed
	@.venv/bin/python -m tests.plugins.llm.models

# An environment of its own: it keeps websockets below 16, pins some sixty packages, and would have ours give way.
.venv/litellm/installed: | .venv/installed
	@echo "Setting up $(@D), once: the genuine LiteLLM proxy."
	@.venv/bin/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -qq 'litellm[proxy]==1.108.7'
	@touch $@

# AGENTS_ARGS: options of the campaign, and names of tests/agents/agents.txt.
agents: .venv/installed
	@tests/agents/install.sh
	@.venv/bin/python -m tests.agents.campaign $(AGENTS_ARGS)

# UNITS_ARGS: names of rows. Ends with 75 where no container can be made.
units: .venv/installed
	@tests/integration/systemd/install.sh
	@.venv/bin/python -m tests.integration.systemd $(UNITS_ARGS)

# Ends with 75 where promtool is not installed.
alerts: .venv/installed
	@.venv/bin/python -m tests.integration.metrics.promtool

# Skipped where PgBouncer is not installed.
pooler: .venv/installed peers
	@.venv/bin/python -m pytest -rs tests/integration/journal/postgres/test_pooler.py

# PAGE_ARGS: names of rows. Ends with 75 where no browser can be had.
page: .venv/installed
	@tests/page/install.sh
	@.venv/bin/python -m tests.page $(PAGE_ARGS)

chaos: .venv/installed
	@.venv/bin/python -m tests.chaos.campaign $(CHAOS_ARGS)

# Hosts of one database: as root each has a table of processes of its own, as hosts have.
fleet: .venv/installed
	@.venv/bin/python -m tests.fleet.campaign $(FLEET_ARGS)

# SOAK_MINUTES, SOAK_RATE: see tests/soak/__main__.py.
soak: .venv/installed
	@.venv/bin/python -m tests.soak

canaries: .venv/installed
	@.venv/bin/python -m tests.integration.canaries

faults: .venv/installed
	@FAULTS=all .venv/bin/python -m pytest tests/acceptance/test_told_faults.py -p no:randomly -q -s

format: .venv/installed
	@.venv/bin/python -m ruff check --fix --quiet
	@.venv/bin/python -m ruff format --quiet

format-check: .venv/installed
	@.venv/bin/python -m ruff format --check

lint: .venv/installed
	@.venv/bin/python -m ruff check

types: .venv/installed
	@.venv/bin/python -m mypy

# import-linter has no __main__; its script is valid Python whatever its first line says.
contracts: .venv/installed
	@.venv/bin/python .venv/bin/lint-imports

peers: $(PEERS)
	@:

.venv/installed: pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.13" >&2; exit 1; }
	@if [ -e $@ ]; then \
	  echo "Bringing .venv up to date: $? changed."; \
	else \
	  echo "Setting up .venv, once: a virtual environment with the packages of constraints.txt (a minute or two)."; \
	  echo "Nothing is installed anywhere else; to begin anew, remove .venv."; \
	fi
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	@.venv/bin/python $(PIP_INSTALL) --editable '.[dev]'
	@touch $@
	@echo "Set up."

# The genuine reference clients, each in an environment of its own, as their users have them.
.venv/peers/sdk-0.1.45/installed: PACKAGES := mycel-sdk==0.1.45
.venv/peers/sdk-0.1.83/installed: PACKAGES := mycel-sdk==0.1.83 mycel-cli==0.1.83
.venv/peers/sdk-%/installed: PACKAGES = mycel-sdk==$*
.venv/peers/sdk-%/installed: | .venv/installed
	@echo "Setting up $(@D), once: the genuine $(PACKAGES), for the tests."
	@.venv/bin/python -m venv --clear $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) $(PACKAGES)
	@touch $@

$(MCP_CLIENT)/installed: | .venv/installed
	@echo "Setting up $(@D), once: another client of the Model Context Protocol."
	@.venv/bin/python -m venv --clear $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) fastmcp==4.1.6
	@touch $@
