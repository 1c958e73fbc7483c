"""What must stay in order: one lane per chat, per relationship, per timer, and one for the rest. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.ids import Lane

if TYPE_CHECKING:
    from mycel_runtime.wire.frames import Notify
    from mycel_runtime.wire.ids import ChatId

INBOX_LANE: Final = Lane("inbox")
"""Of frames that belong to nothing in particular."""


def chat_lane(chat_id: ChatId) -> Lane:
    """The lane of a chat's messages and events."""
    return Lane(f"chat:{chat_id}")


def event_lane(notify: Notify) -> Lane:
    """The lane of a notification: of its relationship, else of its chat, else the inbox's."""
    relationship_id = notify.metadata.get("relationship_id")
    if isinstance(relationship_id, str) and relationship_id:
        return Lane(f"relationship:{relationship_id}")
    return chat_lane(notify.chat_id) if notify.chat_id else INBOX_LANE


def timer_lane(plugin: str, name: str, key: str) -> Lane:
    """The lane of a timer. Lanes are logged, and a key may say something of somebody: it is hashed."""
    return Lane(
        f"timer:{plugin}.{name}" + (f":{hashlib.sha256(key.encode()).hexdigest()[:16]}" if key else "")
    )
