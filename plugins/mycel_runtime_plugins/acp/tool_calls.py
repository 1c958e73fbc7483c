"""
What an agent tells of its tool calls in a turn, by their ids. Pure.

A request for permission brings an update of a call, and need not repeat what was told of it before: some agents send
the id alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime_plugins.acp.wanted import MOST_OF_REQUEST

if TYPE_CHECKING:
    from collections.abc import Mapping

_UPDATES: Final = ("tool_call", "tool_call_update")

_LASTING: Final = ("title", "kind", "rawInput", "locations", "content")
"""What holds until it is told otherwise. Source: the protocol's schema, `ToolCallUpdate`."""

_OUTPUT: Final = "terminal"
"""Content that says where the output will be, and not what is done: another one in each call. codex sends it."""

_MOST_CALLS: Final = 32
"""That are kept, the newest."""


class ToolCalls:
    """Those of one turn."""

    def __init__(self) -> None:
        # A call that is not known as a whole has nothing.
        self._told: dict[str, Mapping[str, Any] | None] = {}

    def note(self, update: Mapping[str, Any], *, is_cut: bool) -> None:
        """
        Take an update of the session; those of other things are passed over.

        Args:
            update: As received; it may be anything.
            is_cut: Its texts are not whole.
        """
        call_id = update.get("toolCallId")
        if update.get("sessionUpdate") not in _UPDATES or not isinstance(call_id, str):
            return
        told = None if is_cut else self._completed(call_id, _without_output(update))
        self._told.pop(call_id, None)
        self._told[call_id] = _bounded(told)
        if len(self._told) > _MOST_CALLS:
            del self._told[next(iter(self._told))]

    def completed(self, call: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """
        A call that permission is asked for, with what was told of it before.

        Args:
            call: As received; it may be anything.

        Returns:
            `None`: something of it was too long, so that it is not known as a whole.
        """
        call_id = call.get("toolCallId")
        told = self._completed(call_id, call) if isinstance(call_id, str) else _lasting(call)
        return None if told is None else {**call, **told}

    def _completed(self, call_id: str, update: Mapping[str, Any]) -> Mapping[str, Any] | None:
        earlier = self._told.get(call_id, {})
        return None if earlier is None else {**earlier, **_lasting(update)}


def _without_output(update: Mapping[str, Any]) -> Mapping[str, Any]:
    content = update.get("content")
    if not isinstance(content, list):
        return update
    kept = [each for each in content if not (isinstance(each, dict) and each.get("type") == _OUTPUT)]
    return {**update, "content": kept or None}


def _lasting(update: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key in _LASTING if (value := update.get(key)) is not None}


def _bounded(told: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    try:
        return told if len(json.dumps(told)) <= MOST_OF_REQUEST else None
    except RecursionError:
        return None
