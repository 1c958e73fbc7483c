"""How large the files of an agent's journal are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon.metrics.metric import Metric

if TYPE_CHECKING:
    from pathlib import Path

    from prometheus_client.core import Metric as Family

SIZE: Final = Metric(
    name="journal_size_bytes",
    kind="gauge",
    meaning="Size of the files in the state directory: `journal`, its `log` (WAL), and the `capture` of turns.",
    labels=("file",),
)

_FILES: Final = {
    "journal": ("journal.sqlite3",),
    "log": ("journal.sqlite3-wal",),
    "capture": ("journal.capture.sqlite3", "journal.capture.sqlite3-wal"),
}


def journal_family(agent: str, state_dir: Path) -> Family:
    """Of the files that are there; what is not there has no bytes."""
    family = SIZE.family()
    for file, names in _FILES.items():
        family.add_metric([agent, file], sum(map(_size, (state_dir / name for name in names))))
    return family


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
