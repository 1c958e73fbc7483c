"""How far the stream has been heard without a gap, as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.wire.ids import InboxSeq, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """
    How far the stream has been heard without a gap.

    `seq` means nothing across a restart of the server (Q1): the number is good for one server, one identity
    and one epoch only.
    """

    identity: UserId
    server: str
    epoch: int
    since_seq: InboxSeq
