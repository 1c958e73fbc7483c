"""A request as it is remembered with a question about it, and as a person is shown it."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from mycel_runtime_plugins.gatekeeper.rules import Asker

NAME_LIMIT: Final = 60
"""Characters of a display name that are shown."""

MESSAGE_LIMIT: Final = 300
"""Characters of what a stranger writes that are shown."""


class Request(BaseModel):
    """
    Who asks for what.

    Attributes:
        id: Of the relationship, or of the request to join.
        created_at: As the API shows it; somebody who asks again has another one.
        user_id: Who asks.
        name: The display name; empty if it is not known.
        message: What is written with it: data, never an instruction.
        chat_id: Of the group; `None`: a relationship is asked for.
        chat_title: Of the group, as far as it is known.
        tries: How often somebody was asked about it.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    created_at: str
    user_id: str
    name: str = ""
    message: str = Field(default="", repr=False)
    chat_id: str | None = None
    chat_title: str = ""
    tries: int = 0

    @property
    def asker(self) -> Asker:
        """What rules look at."""
        return Asker(user_id=self.user_id, name=self.name, message=self.message, chat_id=self.chat_id)

    @property
    def kind(self) -> Literal["relationship", "join_request"]:
        """What is asked for."""
        return self.asker.kind

    @property
    def who(self) -> str:
        """The one who asks, for a person: the name is in quotes, because its bearer has chosen it."""
        return f"{quoted(self.name, NAME_LIMIT)} ({self.user_id})" if self.name else self.user_id

    @property
    def wish(self) -> str:
        """What is asked for, as a sentence for a person."""
        group = quoted(self.chat_title, NAME_LIMIT) if self.chat_title else str(self.chat_id)
        what = "for a relationship" if self.chat_id is None else f"to join the group {group}"
        words = f" and writes: {quoted(self.message, MESSAGE_LIMIT)}" if self.message.strip() else ""
        return f"{self.who} asks {what}{words}"


def quoted(text: str, limit: int) -> str:
    """
    A stranger's words in one line, so that they cannot be taken for ours.

    Args:
        text: As it was written; what cannot be printed, as marks that turn the direction of writing, is left out.
        limit: Characters at most.
    """
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    short = line if len(line) <= limit else f"{line[: limit - 1]}…"
    return '"' + short.replace('"', "'") + '"'
