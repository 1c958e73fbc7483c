"""Who is told what a runtime does, in benchmarks: nobody, its metrics, or everybody that a daemon tells."""

from __future__ import annotations

import os
import time
from pathlib import Path

from mycel_runtime.daemon import systemd
from mycel_runtime.daemon.journal_lock import JournalLock
from mycel_runtime.daemon.metrics.agent_metrics import AgentMetrics
from mycel_runtime.observe.counters import Counters
from mycel_runtime.observe.durations import Unmeasured
from mycel_runtime.observe.logs import LogObserver, LogStyle, configure_logging
from mycel_runtime.observe.observer import FanOut


class Unwatched:
    """Nobody but the benchmark."""

    def __init__(self):
        self.durations = Unmeasured()

    def observer(self, benchmark):
        return benchmark


class Counted:
    """Its counters and histograms."""

    def __init__(self):
        self.metrics = AgentMetrics("a", ["p.answer"])
        self.durations = self.metrics.durations

    def observer(self, benchmark):
        return FanOut([self.metrics.facts, benchmark])


class Watched(Counted):
    """As in a daemon; the lines of its log, as JSON, are written to nowhere."""

    def observer(self, benchmark):
        import sys  # noqa: PLC0415 - exchanged while logging is set up

        kept, sys.stderr = sys.stderr, Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process
        try:
            configure_logging(LogStyle(format="json"))
            log = LogObserver({"agent": "a"})
        finally:
            sys.stderr = kept
        others = [Counters(time.time), self.metrics.facts, JournalLock(time.time), systemd.StatusLine()]
        return FanOut([log, *others, benchmark])
