"""
What an agent says in a turn becomes the text of one reply: the model's words and nothing else. Pure.

Updates come in the order in which the agent has sent them. Text chunks of one message belong together; a tool call in
between, or another message, begins a new paragraph.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SILENT_UPDATES: Final = frozenset(
    {
        "agent_thought_chunk",
        "available_commands_update",
        "config_option_update",
        "current_mode_update",
        "plan",
        "session_info_update",
        "usage_update",
    }
)
"""That say nothing to the chat. Source: the protocol's schema, 1.19."""

_TOOL_UPDATES: Final = frozenset({"tool_call", "tool_call_update"})


@dataclass(slots=True)
class _Piece:
    message_id: str | None
    text: str = ""
    length: int = 0
    """Characters of it that were said, kept or not."""

    def add(self, text: str, length: int) -> None:
        self.text += text
        self.length += length


@dataclass(slots=True)
class Answer:
    """
    Of one turn, while it is said.

    Attributes:
        prompt: What the agent was asked with: some agents say it back.
        most: Characters that are kept.
        has_message_ids: Whether this agent is known to mark the model's words by a message id. Else it is seen from
            what it sends: once a chunk has one, those without are notices of its vendor.
        length: Characters that the model has said, kept or not.
        has_old_words: Words of others, or of an earlier turn, came after the prompt: the session is being replayed.
        tools: Tool calls that were begun.
        passed_over: Chunks that are not the model's, and updates that nobody knows, by kind.
    """

    prompt: str
    most: int
    has_message_ids: bool = False
    length: int = 0
    has_old_words: bool = False
    tools: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    _pieces: list[_Piece] = field(default_factory=list)
    _kept: int = 0
    _is_interrupted: bool = True
    _unfinished: _Piece | None = None
    """The newest of the model's messages, unless a tool call has shown that it is whole."""

    def add(self, update: Mapping[str, Any], *, is_cut: bool = False) -> None:
        """
        The next update of the session.

        Args:
            update: As received; it may be anything.
            is_cut: Its texts are not whole.
        """
        found = update.get("sessionUpdate")
        kind = found if isinstance(found, str) else ""
        if kind == "agent_message_chunk":
            self._add_chunk(update, is_cut=is_cut)
        elif kind == "user_message_chunk":
            text = _text_of(update)
            self.has_old_words = self.has_old_words or bool(text and text not in self.prompt)
        elif kind in _TOOL_UPDATES:
            self._add_tool(kind)
        elif _is_asked_again(update):
            self._take_back()
        elif kind not in _SILENT_UPDATES:
            self.passed_over["unknown_update"] += 1

    @property
    def text(self) -> str:
        """What the model has said, as it may be sent: without what no server can store."""
        marked = self.has_message_ids or any(piece.message_id for piece in self._pieces)
        pieces = [piece for piece in self._pieces if piece.message_id or not marked]
        return storable("\n\n".join(text for piece in pieces if (text := piece.text.strip())))

    @property
    def is_cut(self) -> bool:
        """Whether the model has said more than was kept."""
        return self.length > self._kept

    def _add_chunk(self, update: Mapping[str, Any], *, is_cut: bool) -> None:
        text = _text_of(update)
        if text is None:
            self.passed_over["no_text"] += 1
            return
        found = update.get("messageId")
        message_id = found if isinstance(found, str) and found else None
        # What was cut on its way was longer than it is; how much, nobody knows.
        length = len(text) + is_cut
        self.length += length
        kept = text[: max(self.most - self._kept, 0)]
        self._kept += len(kept)
        if not self._pieces or self._is_interrupted or self._pieces[-1].message_id != message_id:
            self._pieces.append(_Piece(message_id))
        self._is_interrupted = False
        piece = self._pieces[-1]
        piece.add(kept, length)
        if message_id is not None:
            self._unfinished = piece

    def _add_tool(self, kind: str) -> None:
        self._is_interrupted = True
        if kind == "tool_call":
            self.tools += 1
            self._unfinished = None

    def _take_back(self) -> None:
        """The message that was being said comes to nothing; the model says it again, in other words perhaps."""
        if self._unfinished is None:
            return
        self._pieces = [piece for piece in self._pieces if piece is not self._unfinished]
        self._kept -= len(self._unfinished.text)
        self.length -= self._unfinished.length
        self._unfinished = None
        self._is_interrupted = True


def _is_asked_again(update: Mapping[str, Any]) -> bool:
    """
    Whether the connection to the model was cut, and it is asked again: the half of an answer was said then.

    Source: codex-acp 2.6.0 sends `session_info_update` with `_meta.codex.error.willRetry`.
    """
    found: Any = update
    for key in ("_meta", "codex", "error", "willRetry"):
        found = found.get(key) if isinstance(found, dict) else None
    return found is True


def _text_of(update: Mapping[str, Any]) -> str | None:
    content = update.get("content")
    text = content.get("text") if isinstance(content, dict) and content.get("type") == "text" else None
    return text if isinstance(text, str) else None


def storable(text: str) -> str:
    """Without NUL, and with half surrogate pairs, which come of characters that were cut in two, put together."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\0", "")
