"""What users may import, and what it costs them."""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import mycel_runtime
import mycel_runtime.sdk
import mycel_runtime.testing

PUBLIC = (mycel_runtime, mycel_runtime.sdk, mycel_runtime.testing)

HEAVY = ("fastapi", "httpx", "pydantic", "rich", "structlog", "uvicorn", "websockets")


NOT_CLICKS = ("typing_extensions", "traceback", "json", "pathlib", "mycel_runtime.errors")
"""What costs `--help` a tenth each, and has no part in it."""


def loaded_by(code, names=HEAVY):
    """Which of these libraries a fresh interpreter has loaded after running `code`."""
    probe = (
        "import sys\n"
        f"try:\n    exec({code!r})\n"
        "except SystemExit as exit:\n    assert not exit.code, exit.code\n"
        f"print('loaded:', *(name for name in {names!r} if name in sys.modules))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=45, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_public_names_are_sorted_and_there(module):
    assert module.__all__ == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name).__name__ == name


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_other_names_are_refused_by_name(module):
    with pytest.raises(AttributeError, match=r"no attribute 'NoSuchName'"):
        _ = module.NoSuchName


def test_import_costs_nothing_that_is_not_used():
    assert loaded_by("import mycel_runtime, mycel_runtime.testing") == []


def test_pytest_loads_no_library_of_the_daemon_for_its_fixtures():
    """Every test run of whoever has mycel-runtime installed loads them, be it for something else."""
    assert loaded_by("import mycel_runtime.testing.pytest_plugin") == []


def test_daemon_loads_nothing_that_is_not_wanted():
    """Neither what tests need, nor what traces and another engine need: it is loaded where they are configured."""
    everything = (
        "import mycel_runtime.cli.run, mycel_runtime.daemon.process, mycel_runtime.testing.sync_mycel"
    )
    unwanted = (
        *("pytest", "_pytest", "pytest_asyncio", "opentelemetry.sdk"),
        *(
            "psycopg",
            "mycel_runtime.journal.postgres",
            "procrastinate",
            "mycel_runtime.daemon.worker_runtime",
        ),
    )
    assert loaded_by(everything, unwanted) == []


def test_a_daemon_with_a_database_loads_nothing_that_only_workers_want():
    everything = "import mycel_runtime.daemon.agent_runtime, mycel_runtime.journal.postgres.engine"
    assert loaded_by(everything, ("procrastinate", "mycel_runtime.journal.postgres.lane_jobs")) == []


def test_a_daemon_is_ready_before_it_imports_what_it_is_asked_with():
    everything = (
        "import mycel_runtime.cli.run, mycel_runtime.daemon.process, mycel_runtime.daemon.agent_runtime"
    )
    assert loaded_by(everything, ("h11", "mycel_runtime.daemon.control_connection")) == []


@pytest.mark.parametrize(
    "name",
    [
        "mycel_runtime.errors",
        "mycel_runtime.backoff",
        "mycel_runtime.wire.limits",
        "mycel_runtime.wire.frames",
    ],
)
def test_small_modules_stay_small(name):
    assert loaded_by(f"import {name}") == []


@pytest.mark.parametrize("arguments", [["--help"], ["version"]], ids=" ".join)
def test_help_loads_no_library_of_the_daemon(arguments):
    """`--help` answers at once: heavy imports happen inside commands."""
    run = "runpy.run_module('mycel_runtime', run_name='__main__')"
    assert loaded_by(f"import runpy\nsys.argv[1:] = {arguments!r}\n{run}") == []


def test_help_costs_little_more_than_click():
    run = "from mycel_runtime.cli.main import main\nmain()"
    assert loaded_by(f"sys.argv[1:] = ['--help']\n{run}", NOT_CLICKS) == []


def test_probe_would_notice():
    """The tests above are worth something only if a heavy import shows."""
    assert loaded_by("from mycel_runtime.sdk import AsyncClient") != []


def test_bundled_plugin_comes_in_by_the_entry_point_group():
    (echo,) = importlib.metadata.entry_points(group="mycel_runtime.plugins", name="echo")
    assert isinstance(echo.load(), mycel_runtime.Plugin)


def test_console_script_and_module_are_one_program():
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="mycel-runtime")
    assert script.value == "mycel_runtime.cli.main:main"


def test_types_are_promised():
    for package in ("mycel_runtime", "mycel_runtime_plugins"):
        (folder,) = importlib.import_module(package).__path__
        assert (Path(folder) / "py.typed").exists()
