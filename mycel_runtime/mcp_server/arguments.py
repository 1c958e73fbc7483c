"""What the tools take. An argument that no tool knows is refused, never passed over."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mycel_runtime.wire.limits import PAGE_MESSAGES

ChatArgument = Annotated[str, Field(description="The chat's id, as `chats` returns it.", min_length=1)]
TextArgument = Annotated[str, Field(description="The words; Markdown is shown as such.", min_length=1)]
MentionsArgument = Annotated[
    list[str], Field(default_factory=list, description="Ids of members who are to be notified by name.")
]
LimitArgument = Annotated[int, Field(description="Messages at most.", ge=1, le=PAGE_MESSAGES)]


class Arguments(BaseModel):
    """Of any tool: nothing is converted, and nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class NoArguments(Arguments):
    """Of a tool that takes none."""


class ChatArguments(Arguments):
    """Of a tool about a chat."""

    chat_id: ChatArgument


class ReadArguments(Arguments):
    """Of `read`."""

    chat_id: ChatArgument
    limit: LimitArgument = 50


class HistoryArguments(Arguments):
    """Of `history`."""

    chat_id: ChatArgument
    limit: LimitArgument = 50
    before: Annotated[
        int | None, Field(description="Only messages whose `seq` is below this number.", ge=1)
    ] = None


class ReplyArguments(Arguments):
    """Of `reply`."""

    chat_id: ChatArgument
    text: TextArgument
    mentions: MentionsArgument


class SayArguments(Arguments):
    """Of `say`."""

    text: TextArgument
    chat_id: Annotated[str | None, Field(description="Where: a chat's id; or else `user_id`.")] = None
    user_id: Annotated[
        str | None, Field(description="To whom: in the direct chat with this person; or else `chat_id`.")
    ] = None
    mentions: MentionsArgument


class OutcomeArguments(Arguments):
    """Of `outcome`."""

    speech_id: Annotated[str, Field(description="As `reply` or `say` has returned it.", min_length=1)]


class DecideArguments(Arguments):
    """Of `decide_relationship`."""

    relationship_id: Annotated[
        str, Field(description="As `relationships` returns it, where `waits_for_you` is true.", min_length=1)
    ]
    decision: Literal["approve", "reject"]
