"""
What is delivered, as JSON: version 1. Pure.

A delivery of the same has the same id and the same bytes. New keys may be added to a version; a reader passes over
those that it does not know.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime import (
        ChatEventContext,
        JoinRequestContext,
        Message,
        MessageContext,
        RelationshipContext,
    )

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    What one request carries.

    Attributes:
        id: The same whenever the same is delivered.
        content: Without version and id.
    """

    id: str
    content: dict[str, Any] = field(repr=False)

    def encoded(self) -> bytes:
        """As it is sent. Half a surrogate pair stands there as an escape, because UTF-8 has none for it."""
        return json.dumps({"version": VERSION, "id": self.id, **self.content}, sort_keys=True).encode()


def delivery_of_messages(ctx: MessageContext, history: Sequence[Message]) -> Delivery:
    """
    What a handler of messages is shown.

    The delivery is known by its first message, the turn by its last: a conflict makes another turn of it.
    """
    first, last = ctx.messages[0].seq, ctx.messages[-1].seq
    return Delivery(
        _id(ctx.me, "messages", ctx.chat_id, first, last),
        {
            "type": "messages",
            "agent": ctx.me,
            "chat": {"id": ctx.chat_id, "type": ctx.chat_type},
            "messages": [_message(each) for each in ctx.messages],
            "history": [_message(each) for each in history],
        },
    )


def delivery_of_relationship(ctx: RelationshipContext) -> Delivery:
    """A state of a relationship."""
    row = ctx.relationship
    version = (row["state"], row["created_at"], row["updated_at"]) if row else ("none",)
    return Delivery(
        _id(ctx.me, "relationship", ctx.relationship_id, *version),
        {
            "type": "relationship",
            "agent": ctx.me,
            "relationship": {
                "id": ctx.relationship_id,
                "user": ctx.other_user_id,
                "state": ctx.state,
                "is_open": ctx.is_open,
                "message": ctx.message,
            },
        },
    )


def delivery_of_join_request(ctx: JoinRequestContext) -> Delivery:
    """A state of a request to join."""
    row = ctx.request
    version = (row["state"], row["created_at"], row["updated_at"]) if row else ("none",)
    return Delivery(
        _id(ctx.me, "join_request", ctx.request_id, *version),
        {
            "type": "join_request",
            "agent": ctx.me,
            "chat": {"id": ctx.chat_id},
            "join_request": {
                "id": ctx.request_id,
                "user": ctx.other_user_id,
                "name": (row["requester_name"] if row else None) or "",
                "state": ctx.state,
                "is_open": ctx.is_open,
                "message": ctx.message,
            },
        },
    )


def delivery_of_chat(ctx: ChatEventContext) -> Delivery:
    """The agent is in a chat, or no more."""
    told = json.dumps(dict(ctx.metadata), sort_keys=True, default=str)
    return Delivery(
        _id(ctx.me, "chat", ctx.event_type, told),
        {
            "type": "chat",
            "agent": ctx.me,
            "event": ctx.event_type,
            "chat": {"id": ctx.chat_id, "title": ctx.title},
        },
    )


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "seq": message.seq,
        "sender": {"id": message.sender.id, "name": message.sender.name, "type": message.sender.type},
        "content": message.content,
        "type": message.message_type,
        "mentions_me": message.mentions_me,
        "is_retracted": message.is_retracted,
        "created_at": message.created_at.isoformat() if message.created_at else None,
    }


def _id(*parts: str | int) -> str:
    """Without a full stop, which stands between the parts of what is signed."""
    return f"msg_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"
