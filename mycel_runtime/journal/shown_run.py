"""
What a run was shown, in words: kept only where the owner wants it, and never in the journal. Pure.

With it a run can be replayed without its backend, and is shown the same when messages have changed since.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import zlib
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LEVEL: Final = 1
"""Of the compression: bodies repeat themselves from page to page, and any level finds that."""


@dataclass(slots=True, kw_only=True)
class ShownRun:
    """
    Of one run. All values are JSON; a message is told as to a context: what the API told, and its sender's type.

    Attributes:
        chat_type: Of the run's chat; empty: it has none, or nobody knows.
        types: Of the members of that chat, by id.
        is_whole: Whoever is not among `types` was no member.
        messages: Those that it was about, and those that `newer` and `read` showed.
        pages: What `history` showed, each with the numbers that it covers: lowest, highest, messages.
        members: Of its chat, as they were asked for last; `None`: they were not.
        directs: Direct chats that were asked for, by user.
        answers: Of reading calls of the SDK: name, arguments, options, result.
        row: What an event was about; `None`: there was none any more, or it has none.
        key: Of a timer.
        data: Of a timer, JSON.
    """

    chat_type: str = ""
    types: dict[str, str] = field(default_factory=dict)
    is_whole: bool = True
    messages: list[Any] = field(default_factory=list)
    pages: list[tuple[int, int, list[Any]]] = field(default_factory=list)
    members: list[Any] | None = None
    directs: dict[str, str] = field(default_factory=dict)
    answers: list[tuple[str, list[Any], dict[str, Any], Any]] = field(default_factory=list)
    row: dict[str, Any] | None = None
    key: str = ""
    data: str = ""

    @override
    def __repr__(self) -> str:
        """Nobody's words."""
        return f"ShownRun({len(self.messages)} messages, {len(self.pages)} pages)"

    def note_room(self, chat_type: str, types: Mapping[str, str], *, is_whole: bool) -> None:
        """The chat that it is in."""
        self.chat_type, self.types, self.is_whole = chat_type, dict(types), is_whole

    def note_messages(self, page: Iterable[Any]) -> None:
        """Further messages that were shown."""
        self.messages += page

    def note_members(self, members: Sequence[Any]) -> None:
        """The members of its chat, as they were asked for just now."""
        self.members = list(members)

    def note_page(self, limit: int, before: int | None, page: Sequence[Mapping[str, Any]]) -> None:
        """
        What `history` showed for these arguments: there was nothing else within its reach.

        Args:
            limit: How many were asked for.
            before: Below which number; `None`: the newest.
            page: The messages that were told, ascending.
        """
        seqs = [told["raw"]["seq"] for told in page]
        highest = before - 1 if before is not None else max(seqs, default=0)
        lowest = min([max(1, highest - limit + 1), *seqs])
        self.pages.append((lowest, highest, list(page)))

    def note_answer(
        self, name: str, arguments: Sequence[Any], options: Mapping[str, Any], result: Any
    ) -> None:
        """What a reading call of the SDK was answered with; what is no JSON is asked again."""
        answer = (name, list(arguments), dict(options), result)
        with contextlib.suppress(TypeError, ValueError):
            json.dumps(answer)
            self.answers.append(answer)

    def packed(self) -> bytes:
        """
        As it is kept.

        Raises:
            TypeError, ValueError: Something of it is no JSON.
        """
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return zlib.compress(json.dumps(values, separators=(",", ":")).encode(), _LEVEL)


def unpacked(packed: bytes) -> ShownRun:
    """
    What `packed` made it of.

    Raises:
        ValueError, TypeError, zlib.error: It is damaged, or of another version.
    """
    return ShownRun(**json.loads(zlib.decompress(packed)))
