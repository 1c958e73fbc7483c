"""How large the files of an agent's journal are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon.metrics.metric import Metric
from mycel_runtime.journal.capture_file import capture_size

if TYPE_CHECKING:
    from pathlib import Path

    from prometheus_client.core import Metric as Family

    from mycel_runtime.journal.port.engine import JournalFiles

SIZE: Final = Metric(
    name="journal_size_bytes",
    kind="gauge",
    meaning="Size of the files in the state directory: `journal`, its `log` (WAL), and the `capture` of turns.",
    labels=("file",),
)


def journal_family(agent: str, files: JournalFiles | None, state_dir: Path) -> Family:
    """Of the files that are there; what is not there has no bytes, and of a journal without files is not told."""
    family = SIZE.family()
    sizes = {} if files is None else files.sizes()
    for file, size in {**sizes, "capture": capture_size(state_dir)}.items():
        family.add_metric([agent, file], size)
    return family
