"""What the tools return, as their output schemas tell."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class ShownMessage(TypedDict):
    """A message; `by_you`: this agent has said it, by a tool or by one of its own handlers."""

    seq: int
    message_id: str
    sender: str
    sender_id: str
    sender_type: str
    by_you: bool
    mentions_you: bool
    is_retracted: bool
    is_notification: bool
    sent_at: str | None
    text: str


class ListedMember(TypedDict):
    """Somebody else in a listed chat."""

    user_id: str
    name: str
    type: str


class ListedLast(TypedDict):
    """The newest message of a listed chat."""

    sender: str
    text: str
    seq: int | None


class ListedChat(TypedDict):
    """A chat of the list."""

    chat_id: str
    title: str | None
    members: list[ListedMember]
    member_count: int
    last_message: ListedLast | None


class ChatsResult(TypedDict):
    """Of `chats`."""

    agent_id: str
    chats: list[ListedChat]


class ShownMember(TypedDict):
    """Somebody in a chat."""

    user_id: str
    name: str
    type: str
    is_you: bool


class MembersResult(TypedDict):
    """Of `members`."""

    chat_id: str
    type: str
    title: str | None
    members: list[ShownMember]


class ReadResult(TypedDict):
    """Of `read`."""

    messages: list[ShownMessage]
    has_more: bool


class HistoryResult(TypedDict):
    """Of `history`."""

    messages: list[ShownMessage]


class SpeechResult(TypedDict):
    """Of `reply`, `say` and `outcome`."""

    state: Literal["said", "waiting"]
    speech_id: str
    seq: int | None
    note: str
    meanwhile: list[ShownMessage]


class ShownRelationship(TypedDict):
    """A relationship; its `message` was written by the other one."""

    relationship_id: str
    user_id: str
    state: str
    waits_for_you: bool
    message: str
    updated_at: str | None


class RelationshipsResult(TypedDict):
    """Of `relationships`."""

    relationships: list[ShownRelationship]


class DecideResult(TypedDict):
    """Of `decide_relationship`: whether it stands so now."""

    stands: bool
