"""
What the tools show, as plain JSON with names that a model understands. Pure.

The MCP server publishes these shapes as its output schemas, docstrings of classes included: a model reads them.
"""

from __future__ import annotations

from typing_extensions import TypedDict


class ShownMessage(TypedDict):
    """A message; `by_you`: this agent has said it, by a tool or by one of its own handlers."""

    seq: int
    """Its place in the chat, from 1."""
    message_id: str
    sender: str
    sender_id: str
    sender_type: str
    """`human`, `agent`, `external`, `unknown`, or empty: not among the members."""
    by_you: bool
    mentions_you: bool
    is_retracted: bool
    is_notification: bool
    """The platform writes it in the words of somebody who need not be in the chat."""
    sent_at: str | None
    """ISO 8601, UTC; `None` when the server tells no time."""
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


class HistoryResult(TypedDict):
    """Of `history`."""

    messages: list[ShownMessage]


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
