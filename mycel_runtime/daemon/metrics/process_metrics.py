"""What belongs to the process and not to one of its agents."""

from __future__ import annotations

import asyncio
import platform
import sqlite3
import threading
from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon.metrics.metric import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric as Family

BUILD: Final = Metric(
    name="build_info",
    kind="gauge",
    meaning="1; which release of the runtime runs, on which Python and SQLite.",
    labels=("version", "python", "sqlite"),
)
TASKS: Final = Metric(name="tasks", kind="gauge", meaning="Tasks of the process's event loop.")
THREADS: Final = Metric(name="threads", kind="gauge", meaning="Threads of the process that Python knows.")

PROCESS_METRICS: Final = (BUILD, TASKS, THREADS)

LIBRARY_METRICS: Final = (
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
)
"""What the library itself tells of a process, under the names that all its users have."""


def process_families(version: str) -> Iterator[Family]:
    """
    The process's, without the label `agent`; to be asked on its event loop.

    Args:
        version: Of the runtime that runs.
    """
    from prometheus_client import ProcessCollector
    from prometheus_client.core import GaugeMetricFamily

    build = GaugeMetricFamily(BUILD.full_name, BUILD.meaning, labels=BUILD.labels)
    build.add_metric([version, platform.python_version(), sqlite3.sqlite_version], 1)
    yield build
    yield GaugeMetricFamily(TASKS.full_name, TASKS.meaning, value=len(asyncio.all_tasks()))
    yield GaugeMetricFamily(THREADS.full_name, THREADS.meaning, value=threading.active_count())
    yield from ProcessCollector(registry=None).collect()
