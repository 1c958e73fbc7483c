"""What may have made a process die, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.wire.ids import MessageSeq


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """
    It was running when a process died.

    Attributes:
        deaths: How many it was the only suspect of.
        through_seq, message_ids: Chat work: what its handler was shown when it last ran as a suspect, if anything.
    """

    deaths: int
    through_seq: MessageSeq | None = None
    message_ids: tuple[str, ...] = ()


class Suspect(NamedTuple):
    """A delivery that was running when a process died, and how many deaths it was the only suspect of."""

    handler: HandlerId
    lane: Lane
    deaths: int
