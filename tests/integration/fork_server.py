"""The process from which lives are forked, so that none of them pays for imports; each process of tests has one."""

from __future__ import annotations

import multiprocessing
from functools import cache
from typing import Final

LIVED: Final = (
    "tests.integration.company",
    "tests.integration.dispatch.order",
    "tests.integration.play",
    "tests.integration.speech.deed_life",
    "tests.integration.speech.one_life",
    "tests.integration.workers",
)
"""All modules whose functions are run there: what the first test asks for is what the server has imported for all."""


@cache
def fork_server():
    """
    For `Process`, of a function of one of these modules; it has imported them.

    Whoever starts the first process waits for the imports, and with him all else on his loop: for seconds beside
    load, in which a backend closes the idle connections of others there, which are then used for what is said next.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(list(LIVED))
    first = processes.Process(target=int)
    first.start()
    first.join()
    first.close()
    return processes
