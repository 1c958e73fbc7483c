"""What an answer means. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Verdict: TypeAlias = Literal["allow", "deny"]


def verdict_of(answer: str, *, yes: Iterable[str], no: Iterable[str]) -> Verdict | None:
    """
    What somebody who was asked has said.

    The whole answer has to be one of the words: somebody who writes "yes, but not now" is asked again rather than
    understood.

    Args:
        answer: As it was written; letters may be large or small, and marks around the word are passed over.
        yes: What lets somebody in.
        no: What does not.

    Returns:
        `None`: it is not clear.
    """
    said = _plain(answer)
    if said in {_plain(word) for word in yes}:
        return "allow"
    return "deny" if said in {_plain(word) for word in no} else None


def _plain(text: str) -> str:
    """Without marks and pictures around it; one space between words."""
    words = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    start, end = 0, len(words)
    while start < end and not words[start].isalnum():
        start += 1
    while end > start and not words[end - 1].isalnum():
        end -= 1
    return words[start:end]
