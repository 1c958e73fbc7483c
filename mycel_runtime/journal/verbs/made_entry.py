"""The entry of what no frame announced and an agent has made itself: a timer's firing, words, a question."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mycel_runtime.journal.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mycel_runtime.journal.verbs.connection import Connection
    from mycel_runtime.wire.ids import UserId


def insert_made_entry(
    connection: Connection,
    *,
    identity: UserId,
    kind: str,
    made_at: float,
    told: Mapping[str, str | float],
    now: float,
) -> int:
    """
    Insert it, and tell its id.

    Args:
        connection: In a transaction.
        identity: The agent's.
        kind: As of `Entry`.
        made_at: When it happened, epoch seconds.
        told: What stands in it for good: ids and names, nobody's words and no data.
        now: Epoch seconds.
    """
    entry = Entry(
        identity=identity,
        epoch=0,
        seq=None,
        kind=kind,
        fingerprint="",
        ts=made_at,
        raw=json.dumps(told),
        received_at=now,
    )
    entry_id = connection.run("insert_entries", entry).lastrowid
    assert entry_id is not None
    return entry_id
