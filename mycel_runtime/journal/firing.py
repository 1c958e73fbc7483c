"""A timer whose time has come, as a value. Times are epoch seconds of the wall clock."""

from __future__ import annotations

from typing import NamedTuple


class Fired(NamedTuple):
    """
    What the handler of a timer is given.

    Attributes:
        entry_id: Of the entry that it is.
    """

    entry_id: int
    name: str
    key: str
    due_at: float
    data: str
