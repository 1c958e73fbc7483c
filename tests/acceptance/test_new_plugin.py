"""What `mycel-runtime plugins new` writes is as good as it asks its author to be, and is in the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest
from hatchling.builders.wheel import WheelBuilder

from mycel_runtime.plugin.template import write_distribution
from tests.acceptance.conftest import ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

CHECKS = {
    "format": ["ruff", "format", "--check", "--no-cache"],
    "lint": ["ruff", "check", "--no-cache"],
    "types": ["mypy", "--strict", "."],
    "tests": ["pytest", "-q"],
}


@pytest.mark.parametrize("name", ["weather", "A-rather-long-name-for-a-thing"])
@pytest.mark.parametrize("check", CHECKS)
def test_a_new_plugin_passes_its_own_checks(tmp_path, check, name):
    write_distribution(name, tmp_path / "new")

    done = subprocess.run(
        [sys.executable, "-m", *CHECKS[check]],
        cwd=tmp_path / "new",
        env=os.environ | {"MYPY_CACHE_DIR": str(ROOT / ".mypy_cache" / "new_plugin")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_new_plugin_is_a_distribution(tmp_path):
    """It can be built, and is found by its entry point."""
    write_distribution("weather", tmp_path / "new")
    (archive,) = WheelBuilder(str(tmp_path / "new")).build(directory=str(tmp_path / "dist"))

    with zipfile.ZipFile(archive) as wheel:
        names = set(wheel.namelist())
        points = wheel.read("weather-0.1.0.dist-info/entry_points.txt").decode()
    assert {"weather/__init__.py", "weather/handlers.py", "weather/py.typed"} <= names
    assert points == "[mycel_runtime.plugins]\nweather = weather:plugin\n"


def test_an_installed_runtime_writes_it_too(tmp_path):
    """From the wheel, where no checkout lies around it."""
    (archive,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path / "dist"), versions=["standard"])
    with zipfile.ZipFile(archive) as wheel:
        wheel.extractall(tmp_path / "site")

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from mycel_runtime.cli.main import main; main()",
            "plugins",
            "new",
            "weather",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "weather" / "weather" / "py.typed").exists()
