"""No two values of a key have the same version, whichever process has drawn it."""

from __future__ import annotations

import subprocess
import sys

_DRAW_ON_BOTH_SIDES_OF_A_FORK = r"""
import os
from mycel_runtime.journal.sqlite_state import _new_version
child = os.fork()
os.write(1, f"{_new_version()}\n".encode())
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_process_draws_versions_of_its_own():
    """It begins with a copy of all that its parent knows, and may write the same journal after it."""
    drawn = subprocess.run(
        [sys.executable, "-c", _DRAW_ON_BOTH_SIDES_OF_A_FORK],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split()
    assert len(set(drawn)) == 2
    assert all(0 < int(version) < 2**63 for version in drawn)
