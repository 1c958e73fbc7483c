"""The process from which lives are forked, so that none of them pays for imports; each process of tests has one."""

from __future__ import annotations

import multiprocessing
from typing import Final

LIVED: Final = (
    "tests.integration.dispatch.order",
    "tests.integration.play",
    "tests.integration.speech.deed_life",
    "tests.integration.speech.one_life",
)
"""All modules whose functions are run there: what the first test asks for is what the server has imported for all."""


def fork_server():
    """For `Process`, of a function of one of these modules."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(list(LIVED))
    return processes
