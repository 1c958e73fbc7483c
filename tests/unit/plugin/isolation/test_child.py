"""A plugin's own process imports what it needs: it does so again for each run that has killed the one before."""

from __future__ import annotations

import subprocess
import sys

import pytest

USELESS = ("httpx", "websockets", "mycel_runtime.sdk", "mycel_runtime.speech.turn", "uvicorn", "sqlite3")
"""What it would take to speak to a backend, to answer the operator, or to keep a journal."""


@pytest.mark.slow
def test_plugins_process_imports_nothing_of_what_speaks_to_a_backend():
    """Half of the time that a start takes would go into it, while the handler's chat and a slot wait."""
    code = (
        "import sys; import mycel_runtime.plugin.isolation.child; from mycel_runtime import *;"
        f" print([each for each in {USELESS!r} if each in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
