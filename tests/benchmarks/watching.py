"""Who is told what a runtime does, in benchmarks: nobody, its metrics, or everybody that a daemon tells."""

from __future__ import annotations

import io
import os
import time

from mycel_runtime.daemon import systemd
from mycel_runtime.daemon.journal_lock import JournalLock
from mycel_runtime.daemon.metrics.agent_metrics import AgentMetrics
from mycel_runtime.observe.counters import Counters
from mycel_runtime.observe.durations import Unmeasured
from mycel_runtime.observe.logs import LogObserver, LogStyle, configure_logging
from mycel_runtime.observe.observer import FanOut
from mycel_runtime.observe.output import BoundedWriter


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
        return FanOut([benchmark], choosy=[self.metrics.facts])


class Watched(Counted):
    """As in a daemon; the lines of its log, as JSON, are written to nowhere, by a thread as a daemon has it."""

    def observer(self, benchmark):
        import sys  # noqa: PLC0415 - exchanged while logging is set up

        nowhere = BoundedWriter(os.open(os.devnull, os.O_WRONLY))
        kept, sys.stderr = sys.stderr, io.TextIOWrapper(nowhere, encoding="utf-8", line_buffering=True)
        try:
            configure_logging(LogStyle(format="json"))
            log = LogObserver({"agent": "a"})
        finally:
            sys.stderr = kept
        choosy = [self.metrics.facts, JournalLock(time.time), systemd.StatusLine()]
        return FanOut([log, Counters(time.time), benchmark], choosy=choosy)
