"""A listener's write, for tests that are about something else."""

from __future__ import annotations

import weakref

_LEASES = weakref.WeakKeyDictionary()


async def append(journal, batch):
    """As `ListenerJournal.append`, with the lease that this journal gave when it was first needed."""
    leases = _LEASES.setdefault(journal, {})
    if batch.identity not in leases:
        leases[batch.identity] = await journal.lease(batch.identity)
    return await journal.append(batch, lease=leases[batch.identity])
