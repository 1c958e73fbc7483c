"""A reply that is about to be said. Pure."""

from __future__ import annotations

from mycel_runtime.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Draft:
    """
    What of a reply its intent tells.

    Attributes:
        ordinal: Which reply of the turn.
        content_hash: Of what it says and to whom.
        is_unattended: No human's message is among those that it answers.
    """

    ordinal: int
    content_hash: str
    is_unattended: bool
