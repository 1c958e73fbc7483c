"""What a program is told on its standard input: one object of JSON, whose shape has a version. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mycel_runtime import Message, MessageContext, RelationshipContext

VERSION: Final = 1
"""Counted up when a key changes its meaning or goes away; a new key leaves it, so programs pass over unknown ones."""


def message_request(ctx: MessageContext, history: Iterable[Message], *, seconds: float) -> dict[str, Any]:
    """
    Of a delivery of messages.

    Args:
        ctx: Of the handler.
        history: Of the chat, oldest first; what is in the delivery or after it is left out.
        seconds: That the program has.
    """
    first = ctx.messages[0].seq
    return {
        "version": VERSION,
        "event": "message",
        "me": ctx.me,
        "delivery": ctx.messages[0].id,
        "attempt": ctx.attempt,
        "seconds": seconds,
        "chat": {"id": ctx.chat_id, "type": ctx.chat_type},
        "messages": _messages(ctx.messages),
        "history": _messages(message for message in history if message.seq < first),
        "unsaid": list(ctx.unsaid),
        "state": ctx.chat_store.get("state"),
    }


def relationship_request(ctx: RelationshipContext, *, seconds: float) -> dict[str, Any]:
    """
    Of a state that a relationship is in.

    Args:
        ctx: Of the handler.
        seconds: That the program has.
    """
    row = ctx.relationship
    state = [row["state"], row["created_at"], row["updated_at"]] if row else ["none"]
    told = json.dumps([ctx.relationship_id, *state]).encode()
    return {
        "version": VERSION,
        "event": "relationship",
        "me": ctx.me,
        "delivery": hashlib.sha256(told).hexdigest()[:32],
        "attempt": ctx.attempt,
        "seconds": seconds,
        "relationship": {
            "id": ctx.relationship_id,
            "user": ctx.other_user_id,
            "state": ctx.state,
            "is_open": ctx.is_open,
            "message": ctx.message,
        },
    }


def as_bytes(request: dict[str, Any]) -> bytes:
    """One line of UTF-8. Half a surrogate pair, which some servers let through, is written as JSON writes it."""
    text = json.dumps(request, ensure_ascii=False)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(request).encode() + b"\n"


def _messages(messages: Iterable[Message] | Sequence[Message]) -> list[dict[str, Any]]:
    return [
        {
            "id": message.id,
            "seq": message.seq,
            "sender": {"id": message.sender.id, "name": message.sender.name, "type": message.sender.type},
            "content": message.content,
            "type": message.message_type,
            "mentions_me": message.mentions_me,
            "is_retracted": message.is_retracted,
            "created_at": None if message.created_at is None else message.created_at.isoformat(),
        }
        for message in messages
    ]
