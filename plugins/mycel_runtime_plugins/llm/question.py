"""What a model is asked, whatever the form in which its API wants it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from mycel_runtime import PromptMessage
from mycel_runtime_plugins.llm.answer import ToolRound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime_plugins.llm.tools import ToolSpec

Item: TypeAlias = PromptMessage | ToolRound


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    What a model is asked.

    Attributes:
        system: The operator's words.
        items: The chat, and what tools have returned since.
        tools: What may be called.
    """

    system: str = field(repr=False)
    items: Sequence[Item] = field(repr=False)
    tools: Sequence[ToolSpec] = ()
