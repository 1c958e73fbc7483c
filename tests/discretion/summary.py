"""How much a run has searched, in a line at its end, over all of its processes."""

from __future__ import annotations

import pytest


class Summary:
    """
    A plugin of pytest.

    Args:
        counts: Of `Watch`, in this process.
    """

    def __init__(self, counts):
        self._counts = counts

    def pytest_sessionfinish(self, session):
        """One process of several hands its counts to the one that waits for them."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["discretion"] = dict(self._counts)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        self._counts.update(getattr(node, "workeroutput", {}).get("discretion", {}))

    def pytest_terminal_summary(self, terminalreporter):
        if self._counts:
            searched = "{outputs:,} outputs of {tests:,} tests, {bytes:,} bytes".format_map(self._counts)
            sought = "tokens and {texts:,} texts".format_map(self._counts)
            terminalreporter.write_line(f"searched {searched}, for {sought}")
