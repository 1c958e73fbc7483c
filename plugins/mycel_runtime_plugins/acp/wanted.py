"""
A tool that the agent was refused, and that a person may allow. Pure.

What the person reads is what is compared when the agent asks again: all of the call, in characters that cannot
deceive. What does not fit is not asked about, so nobody allows what he was not shown.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_SHOWN: Final = 2_000
"""Characters that somebody can be expected to read before he says yes."""

MOST_OF_REQUEST: Final = 16_000
"""Characters of the whole request: of a longer one some texts may have been cut on their way to us."""

_CHANGING: Final = frozenset({"toolCallId", "status"})
"""That is another each time, and says nothing of what will be done."""

_TELLING: Final = ("title", "rawInput", "locations", "content")
"""Without one of these nobody knows what would be done."""


class Wanted(BaseModel):
    """
    One call.

    Attributes:
        shown: All that the agent says of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    shown: str

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Wanted | None:
        """
        Of a `session/request_permission`, which may be anything; `None`: it cannot be shown as a whole.

        Args:
            params: As received.
        """
        call = params.get("toolCall")
        if not isinstance(call, dict) or not any(call.get(key) for key in _TELLING):
            return None
        try:
            if len(json.dumps(params)) > MOST_OF_REQUEST:
                return None
            told = {key: value for key, value in call.items() if key not in _CHANGING}
            shown = json.dumps(told, indent=2, sort_keys=True)
        except RecursionError:
            return None
        return cls(shown=shown) if len(shown) <= _MOST_SHOWN else None
