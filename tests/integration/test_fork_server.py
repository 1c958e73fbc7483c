"""Processes that live a life are forked with all imports made, whatever was forked before them."""

from __future__ import annotations

import sys

from tests.integration.fork_server import LIVED, fork_server


def tell_missing(line):
    line.send(set(LIVED) - set(sys.modules))


def test_no_life_pays_for_imports():
    processes = fork_server()
    ours, theirs = processes.Pipe()
    with ours, theirs:
        process = processes.Process(target=tell_missing, args=(theirs,))
        process.start()
        try:
            assert ours.poll(60)
            assert ours.recv() == set()
        finally:
            process.kill()
            process.join()
            process.close()
