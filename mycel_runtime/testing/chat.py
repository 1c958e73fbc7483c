"""A chat between people and agents of a test, and how it reads."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.plugin.message import Message
    from mycel_runtime.wire.ids import ChatId


@dataclass(frozen=True, slots=True)
class Chat:
    """
    A chat.

    Attributes:
        title: For the texts of failures: a group's title, or who talks.
    """

    id: ChatId
    title: str = field(compare=False)

    def transcript(self, messages: Sequence[Message]) -> str:
        """A line for each message, under the title."""
        lines = [line for message in messages for line in _lines(message)]
        return "\n".join([f"{self.title}:", *(lines or ["  (nobody has said anything)"])])


def _lines(message: Message) -> list[str]:
    head = f"  {message.seq:>3} {message.sender.name}: "
    first, *more = message.content.splitlines() or [""]
    return [head + first, *(" " * len(head) + line for line in more)]
