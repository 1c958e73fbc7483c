"""Chats, their members, and requests to join them (contract 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.sdk.calls.arguments import require_one_of
from mycel_runtime.sdk.calls.call import Call, post
from mycel_runtime.sdk.calls.path import chat_path
from mycel_runtime.sdk.pace import Worth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.wire import resources as wire


def list_chats() -> Call[list[wire.ChatSummary]]:
    """The caller's active chats, in storage order, with `unread_count` and `last_message`."""
    return Call(method="GET", path="/api/chats", answer="list", worth=Worth.LOOK)


def get_chat(chat_id: str) -> Call[wire.Chat]:
    """A chat's detail with its members."""
    return Call(method="GET", path=chat_path(chat_id))


def create_chat(
    user_ids: Sequence[str], *, title: str | None = None, kind: wire.ChatKind = "auto"
) -> Call[wire.NewChat]:
    """
    Make a chat with others, or find the direct one with them.

    Args:
        user_ids: The others, without the caller.
        title: Of a new chat.
        kind: `auto`: direct with one other, group with more.
    """
    require_one_of(kind, ("auto", "direct", "group"), "kind")
    return post("/api/chats", user_ids=list(user_ids), title=title, kind=kind)


def ensure_direct(target_id: str) -> Call[wire.NewChat]:
    """The direct chat with somebody; made if there is none. Two at once may make two (Q43)."""
    return post("/api/chats", user_ids=[target_id], title=None, kind="direct")


def add_member(chat_id: str, user_id: str) -> Call[wire.Membership]:
    """Put somebody into a group; its owner only. Nobody is notified (Q36)."""
    return post(chat_path(chat_id, "members"), user_id=user_id)


def join_target(chat_id: str) -> Call[wire.JoinTarget]:
    """A group as seen from outside."""
    return Call(method="GET", path=chat_path(chat_id, "join-target"))


def list_join_requests(chat_id: str) -> Call[list[wire.JoinRequest]]:
    """All requests of every state; the group's owner only."""
    return Call(method="GET", path=chat_path(chat_id, "join-requests"), answer="list", worth=Worth.LOOK)


def request_join(chat_id: str, *, message: str | None = None) -> Call[wire.JoinRequest]:
    """Ask to join a group; the text becomes a message in it."""
    return post(chat_path(chat_id, "join-requests"), message=message)


def approve_join(chat_id: str, request_id: str) -> Call[wire.JoinRequest]:
    """Let a requester in; the group's owner only."""
    return post(chat_path(chat_id, "join-requests", request_id, "approve"))


def reject_join(chat_id: str, request_id: str) -> Call[wire.JoinRequest]:
    """Turn a requester away; the group's owner only."""
    return post(chat_path(chat_id, "join-requests", request_id, "reject"))


def mute_member(chat_id: str, user_id: str, *, mute_until: float | None = None) -> Call[wire.Mute]:
    """
    Wake a member of one's own no more in this chat.

    Args:
        chat_id: The chat.
        user_id: The caller, or a user of the caller's.
        mute_until: Epoch seconds; the server stores it and never ends the mute by it (Q33).
    """
    return post(chat_path(chat_id, "mute"), user_id=user_id, muted=True, mute_until=mute_until)


def unmute_member(chat_id: str, user_id: str) -> Call[wire.Mute]:
    """End a mute."""
    return post(chat_path(chat_id, "mute"), user_id=user_id, muted=False, mute_until=None)
