"""
What an agent may do that asks before it does it: nothing, but what the operator allows. Pure.

Every question is answered at once, so no turn waits for anybody: not for a person either, who is asked when the turn
is over (`wanted`). What is allowed is allowed once: the agent asks
again the next time. Kind and paths are what the agent says of its tool, so this is a policy and no boundary; that is
what `sandbox` is for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, model_validator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ToolKind: TypeAlias = Literal[
    "read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other"
]
"""Source: the protocol's schema."""

_KINDS: Final = frozenset(get_args(ToolKind))

_WITHOUT_PATH: Final = frozenset({"execute", "fetch", "think", "switch_mode", "other"})
"""Of which no path tells what they reach."""

_ALLOWING: Final = ("allow_once",)

_REFUSING: Final = ("reject_once", "reject_always")
"""Rather once. `cancelled` would end the whole turn of some agents."""


class AllowRule(BaseModel):
    """
    One entry of `allow`.

    Attributes:
        kind: Of tools.
        path: Below which all that the tool names must lie: relative to the chat's folder, or absolute.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ToolKind
    path: str | None = None

    @model_validator(mode="after")
    def _require_path_to_mean_something(self) -> AllowRule:
        if self.path is not None and self.kind in _WITHOUT_PATH:
            raise ValueError(
                f'no path bounds a tool of the kind "{self.kind}": leave it out, and bound the agent by sandbox'
            )
        return self


@dataclass(frozen=True, slots=True)
class PermissionAnswer:
    """
    What an agent is told.

    Attributes:
        result: Of its request.
        kind: Of the tool that it wants to use, for logs.
    """

    result: Mapping[str, Any]
    kind: str
    is_allowed: bool


def permission_answer(
    params: Mapping[str, Any], allow: Sequence[AllowRule], folder: str, *, is_granted: bool = False
) -> PermissionAnswer:
    """
    Of a `session/request_permission`.

    Args:
        params: As received; they may be anything.
        allow: What is allowed.
        folder: Of the chat.
        is_granted: A person has allowed it.
    """
    call = params.get("toolCall")
    is_allowed = isinstance(call, dict) and (is_granted or any(allows(rule, call, folder) for rule in allow))
    kind = call.get("kind") if isinstance(call, dict) else None
    options = _options(params)
    chosen = next((each for each in (_ALLOWING if is_allowed else _REFUSING) if each in options), None)
    outcome = {"outcome": "cancelled"}
    if chosen is not None:
        outcome = {"outcome": "selected", "optionId": options[chosen]}
    return PermissionAnswer(
        {"outcome": outcome},
        kind=kind if isinstance(kind, str) and kind in _KINDS else "unknown",
        is_allowed=is_allowed and chosen is not None,
    )


def allows(rule: AllowRule, call: Mapping[str, Any], folder: str) -> bool:
    """Whether a rule covers a tool call. Symbolic links on the way are followed."""
    if call.get("kind") != rule.kind:
        return False
    if rule.path is None:
        return True
    paths = _paths_of(call)
    root = os.path.realpath(os.path.join(folder, rule.path))  # noqa: PTH118 - a Path would not take what is no path
    return bool(paths) and all(_is_within(os.path.join(folder, path), root) for path in paths)  # noqa: PTH118


def _is_within(path: str, root: str) -> bool:
    try:
        real = os.path.realpath(path)
    except ValueError:
        # A NUL in it.
        return False
    return os.path.commonpath([real, root]) == root


def _paths_of(call: Mapping[str, Any]) -> list[str]:
    """Of all that it names; empty if any of it is no path."""
    locations = call.get("locations")
    if not isinstance(locations, list):
        return []
    paths = [place.get("path") if isinstance(place, dict) else None for place in locations]
    known = [path for path in paths if isinstance(path, str) and path]
    return known if len(known) == len(paths) else []


def _options(params: Mapping[str, Any]) -> dict[str, str]:
    """The first option of each kind."""
    found: dict[str, str] = {}
    options = params.get("options")
    for option in options if isinstance(options, list) else ():
        if isinstance(option, dict):
            kind, option_id = option.get("kind"), option.get("optionId")
            if isinstance(kind, str) and isinstance(option_id, str):
                found.setdefault(kind, option_id)
    return found
