"""No two values of a key have the same version, whichever process has written them."""

from __future__ import annotations

import itertools
import subprocess
import sys

from mycel_runtime.journal.verbs.state import new_versions

_OPEN_ON_BOTH_SIDES_OF_A_FORK = r"""
import os
from mycel_runtime.journal.verbs.state import new_versions
child = os.fork()
os.write(1, f"{next(new_versions())}\n".encode())
if child:
    os.waitpid(child, 0)
"""


def test_a_journal_that_a_forked_process_opens_has_versions_of_its_own():
    """It begins with a copy of all that its parent knows, and may write the same journal after it."""
    drawn = subprocess.run(
        [sys.executable, "-c", _OPEN_ON_BOTH_SIDES_OF_A_FORK],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split()
    assert len(set(drawn)) == 2
    assert all(0 < int(version) < 2**63 for version in drawn)


def test_a_journal_that_is_opened_again_does_not_begin_with_the_same_versions():
    openings = [set(itertools.islice(new_versions(), 10_000)) for _ in range(20)]
    assert len(set.union(*openings)) == 200_000
