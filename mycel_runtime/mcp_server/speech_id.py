"""What a model calls something that it has had said: all that it takes to ask for it again, in any session."""

from __future__ import annotations

import secrets
from typing import NamedTuple, Self

from typing_extensions import override

from mycel_runtime.errors import ToolProblemError

_PARTS = 3


class SpeechId(NamedTuple):
    """
    Of a reply or of something said first.

    Attributes:
        key: By which the daemon knows it again.
        known_seq: Of a reply: all up to there was known to whoever spoke; `None`: it was said first.
        chat_id: Where.
    """

    key: str
    known_seq: int | None
    chat_id: str

    @classmethod
    def draw(cls, chat_id: str, known_seq: int | None) -> Self:
        """One that nothing has."""
        return cls(new_key(), known_seq, chat_id)

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        As it was written.

        Raises:
            ToolProblemError: It was not written by us.
        """
        parts = text.split(":", _PARTS - 1)
        if len(parts) != _PARTS or not (parts[1] == "" or parts[1].isdecimal()):
            raise ToolProblemError(
                "this is no speech_id", "Give what `reply` or `say` has returned as `speech_id`."
            )
        key, known, chat_id = parts
        return cls(key, int(known) if known else None, chat_id)

    @override
    def __str__(self) -> str:
        """As a model is given it."""
        return f"{self.key}:{'' if self.known_seq is None else self.known_seq}:{self.chat_id}"


def new_key() -> str:
    """By which the daemon knows a call again that is made once more."""
    return secrets.token_hex(16)
