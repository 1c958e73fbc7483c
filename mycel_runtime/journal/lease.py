"""The right to listen as an identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.wire.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """
    What every write of a listener names: the server serves one of them per inbox.

    Attributes:
        token: Above that of every lease of the identity before it.
        lasts: Seconds from when it was given or renewed, as the store counts them; infinity: as long as the journal
            is open. A span and no time of day: the holder's clock need not agree with the store's.
    """

    identity: UserId
    token: int
    lasts: float
