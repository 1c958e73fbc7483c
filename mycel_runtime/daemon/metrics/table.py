"""
The table of all metrics, as Markdown: what `systemd/metrics.md` shows cannot lie.

`python -m mycel_runtime.daemon.metrics.table` prints it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon.metrics.fact_counts import FACT_COUNTS
from mycel_runtime.daemon.metrics.histograms import COUNTS, HISTOGRAMS
from mycel_runtime.daemon.metrics.journal_files import SIZE
from mycel_runtime.daemon.metrics.levels import LEVELS
from mycel_runtime.daemon.metrics.metric import AGENT
from mycel_runtime.daemon.metrics.process_metrics import PROCESS_METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

METRICS: Final = (
    *(level.metric for level in LEVELS),
    SIZE,
    *FACT_COUNTS,
    *HISTOGRAMS,
    *COUNTS,
    *PROCESS_METRICS,
)
"""All of ours, each once."""


def table() -> str:
    """A row for each, in their order."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "| metric | type | labels | meaning |"
    yield "| --- | --- | --- | --- |"
    for metric in METRICS:
        labels = metric.labels if metric in PROCESS_METRICS else (AGENT, *metric.labels)
        named = ", ".join(f"`{label}`" for label in labels)
        yield f"| `{metric.full_name}` | {metric.kind} | {named} | {metric.meaning} |"


if __name__ == "__main__":
    sys.stdout.write(table())
