"""What the tools return whose work is the toolbox's own, as their output schemas tell."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from mycel_runtime.dispatch.tool_results import ShownMessage  # noqa: TC001 - pydantic resolves annotations at run time


class ReadResult(TypedDict):
    """Of `read`."""

    messages: list[ShownMessage]
    has_more: bool


class SpeechResult(TypedDict):
    """Of `reply`, `say` and `outcome`."""

    state: Literal["said", "waiting"]
    speech_id: str
    seq: int | None
    note: str
    meanwhile: list[ShownMessage]


class DecideResult(TypedDict):
    """Of `decide_relationship`: whether it stands so now."""

    stands: bool
