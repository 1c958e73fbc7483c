"""How much of a chat a model is shown: its newest messages that fit. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime import PromptMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTES_PER_TOKEN: Final = 3
"""Of UTF-8. English has four or more, Chinese some three: rather too many tokens than too few are expected."""

_FRAME_TOKENS: Final = 4
"""For a message's role and its ends."""

_LEFT_OUT: Final = "\n[… left out …]\n"


def estimated_tokens(text: str) -> int:
    """Of a message, without asking any tokenizer, whose model nobody knows: rather too many."""
    return -(-len(text.encode(errors="replace")) // _BYTES_PER_TOKEN) + _FRAME_TOKENS


def newest(prompt: Sequence[PromptMessage], tokens: int) -> list[PromptMessage]:
    """
    The newest messages that fit together, in their order, beginning with somebody else's.

    The newest one is always shown; if it alone does not fit, its middle is left out.
    """
    shown: list[PromptMessage] = []
    left = tokens
    for message in reversed(prompt):
        left -= estimated_tokens(message["content"])
        if left < 0:
            break
        shown.append(message)
    if not shown and prompt:
        last = prompt[-1]
        return [PromptMessage(role=last["role"], content=_without_middle(last["content"], tokens))]
    while len(shown) > 1 and shown[-1]["role"] == "assistant":
        shown.pop()
    return shown[::-1]


def _without_middle(text: str, tokens: int) -> str:
    """Both ends; a character has four bytes at most."""
    room = max(2, (tokens - _FRAME_TOKENS) * _BYTES_PER_TOKEN // 4 - len(_LEFT_OUT))
    return text[: room // 2] + _LEFT_OUT + text[-(room - room // 2) :]
