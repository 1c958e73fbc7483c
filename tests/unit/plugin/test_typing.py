from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_authors_of_plugins_are_type_checked_in_either_colour():
    command = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "tests/typing/plugin.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
