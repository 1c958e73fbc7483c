"""The first `make` in a fresh checkout says what it sets up, where, and when it is done; the next is silent."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PYTHON = """#!/bin/sh
# A stand-in that only takes notes: what would be installed is another test's business.
echo "$@" >> "$NOTES"
case "$*" in
  *"-m venv"*) eval "place=\\${$#}"; mkdir -p "$place/bin"; cp "$0" "$place/bin/python" ;;
  *"sys.version_info"*) exit "${TOO_OLD:-0}" ;;
esac
"""

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


@pytest.fixture
def make(tmp_path):
    """Runs make in a checkout without `.venv`, whose path has a space."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    python = tmp_path / "a python"
    python.write_text(PYTHON)
    python.chmod(0o755)

    def run(*arguments, **environment):
        return subprocess.run(
            ["make", "--no-print-directory", f"PYTHON={python}", *arguments],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "NOTES": str(tmp_path / "notes")} | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_set_up_says_what_it_does_and_where(make, tmp_path):
    first = make(".venv/installed")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [
        "Setting up .venv, once: a virtual environment with the packages of constraints.txt (a minute or two).",
        "Nothing is installed anywhere else; to begin anew, remove .venv.",
        "Set up.",
    ]
    assert "--constraint constraints.txt --editable .[dev]" in (tmp_path / "notes").read_text()


def test_second_time_says_nothing(make):
    make(".venv/installed")
    assert "Setting up" not in make(".venv/installed").stdout


def test_changed_pins_are_named(make, tmp_path):
    make(".venv/installed")
    later = time.time() + 10
    os.utime(tmp_path / "a clone" / "constraints.txt", (later, later))
    assert make(".venv/installed").stdout.splitlines() == [
        "Bringing .venv up to date: constraints.txt changed.",
        "Set up.",
    ]


def test_old_python_is_refused_with_the_way_out(make):
    refused = make(".venv/installed", TOO_OLD="1")
    assert refused.returncode != 0
    assert "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.13" in refused.stderr


def test_genuine_clients_are_named(make):
    """They are downloaded beside ours; whoever watches should know why."""
    shown = make("peers").stdout
    assert "Setting up .venv/peers/sdk-0.1.45, once: the genuine mycel-sdk==0.1.45, for the tests." in shown
