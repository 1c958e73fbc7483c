"""A delivery that waits or runs, as an operator is shown it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.journal.pause import PARKED_AT

if TYPE_CHECKING:
    from mycel_runtime.journal.backlog import WorkItem

WORK_LIMIT: Final = 1_000
"""Deliveries that are listed, beside those that run."""


def work_row(item: WorkItem, now: float) -> dict[str, Any]:
    """
    As plain JSON values; `waits_for` tells more than its `state`.

    Args:
        item: What waits or runs.
        now: Epoch seconds by the store's clock, as its own times are; `read_at` of the row.
    """
    return asdict(item) | {"waits_for": waits_for(item, now), "read_at": now}


def waits_for(item: WorkItem, now: float) -> str:
    """
    What it waits for.

    Returns:
        `nothing`: it runs; `resume`: it is paused; `order`: an earlier one comes first; `time`: its next attempt;
        `turn`: a free place, its lane, or a daemon.
    """
    if item.state == "running":
        return "nothing"
    if item.due_at >= PARKED_AT:
        return "resume"
    if item.is_behind:
        return "order"
    return "time" if item.due_at > now else "turn"
