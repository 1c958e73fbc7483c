"""Who is in a chat, as far as anybody knows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.message import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """
    A chat's type (`direct`, `group`, or empty: unknown) and its members' types by id.

    Attributes:
        is_whole: Whoever is not among `types` is no member; else nobody knows.
    """

    chat_type: str
    types: Mapping[str, str]
    is_whole: bool = True

    def type_of(self, user_id: str) -> str:
        """`human`, `agent`, `external`, empty for somebody who is not a member, or `unknown`."""
        return self.types.get(user_id, "" if self.is_whole else UNKNOWN)

    def is_unsure_of(self, user_ids: Iterable[str]) -> bool:
        """Whether any of them may be a human or not."""
        return any(self.type_of(user_id) == UNKNOWN for user_id in user_ids)
