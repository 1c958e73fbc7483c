"""Chats and who is in them (contract 2.5, 4.9)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from mycel_runtime.backend.world.entities import SEPARATOR, Chat, Member, User
from mycel_runtime.backend.world.refusal import Broken, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.backend.world.state import Room, World

Kind = Literal["auto", "direct", "group"]


def create(
    world: World,
    caller: User,
    user_ids: Sequence[str],
    title: str | None,
    kind: Kind,
    *,
    chat_id: str,
    now: float,
) -> Chat:
    """
    A new chat, or the direct chat that there already is, whatever its status; `chat_id` is used for a new one.

    Raises:
        Refused: 400.
    """

    def made(type_: Literal["direct", "group"]) -> Chat:
        return Chat(
            id=chat_id,
            type=type_,
            title=title,
            created_by_user_id=caller.id,
            created_at=now,
            updated_at=now,
        )

    others = _checked_others(world, caller, user_ids, kind)
    if kind == "group" or (kind == "auto" and len(others) > 1):
        _check_group(world, caller, others)
        return _open(world, caller, others, made("group"))
    if len(others) > 1:
        raise Refused(400, "Use create_group_chat() for 3+ users")
    if (existing := find_direct(world, caller.id, others[0])) is not None:
        return existing.chat
    return _open(world, caller, others, made("direct"))


def find_direct(world: World, one: str, other: str) -> Room | None:
    """The oldest direct chat with exactly these two; looked for where there are fewer."""
    rooms = min((world.rooms_of.get(user_id, {}) for user_id in (one, other)), key=len)
    for room in rooms.values():
        if room.chat.type == "direct" and room.members.keys() == {one, other}:
            return room
    return None


def add_member(world: World, caller: User, chat_id: str, user_id: str) -> dict[str, Any]:
    """
    Put somebody into a group; no relationship is needed, nobody is told (Q36).

    Raises:
        Refused: 400 no such user, before anything else; 404 no such chat, 403 not its owner, 400 everything else.
    """
    _checked_others(world, caller, [user_id], "group")
    room = world.room(chat_id)
    if room.chat.created_by_user_id != caller.id:
        raise Refused(403, "Only the chat owner can manage join requests")
    if room.chat.type != "group":
        raise Refused(400, "Join requests are only supported for group chats")
    if room.chat.status != "active":
        raise Refused(400, "Chat is not active")
    join(world, room, user_id)
    return {"chat_id": chat_id, "user_id": user_id, "state": "member"}


def join(world: World, room: Room, user_id: str) -> Member:
    """Make somebody a member, once; the whole past is unread for him (Q37)."""
    if (member := room.members.get(user_id)) is None:
        cursor = 0 if world.quirks.past_is_unread else room.chat.next_seq - 1
        member = Member(chat_id=room.chat.id, user_id=user_id, cursor=cursor)
        world.put(member)
        room.recount(member)
        if not world.quirks.silent_joins:
            world.announce(user_id, room.chat.id)
    return member


def mute(
    world: World, caller: User, chat_id: str, user_id: str, until: float | None, *, is_muted: bool
) -> None:
    """
    Set or lift a mute; `until` is stored, and by a quirk heeded by nobody (Q33).

    Raises:
        Refused: 403, no such user, or not the caller's.
        Broken: `until` is no time.
    """
    if (user := world.users.get(user_id)) is None:
        raise Refused(403, "User not found")
    if caller.id not in _scope(user):
        raise Refused(403, "User does not belong to you")
    _check_time(until)
    room = world.rooms.get(chat_id)
    if room is not None and (member := room.members.get(user_id)) is not None:
        member.muted, member.mute_until = is_muted, until
        world.touch(member)


def _check_time(seconds: float | None) -> None:
    """The real server writes it as ISO 8601, which ends with the year 9999."""
    try:
        datetime.fromtimestamp(seconds or 0.0, UTC)
    except (OverflowError, ValueError, OSError) as exc:
        raise Broken("no such time") from exc


def delete(world: World, caller: User, chat_id: str) -> None:
    """
    Delete a chat with all that was said in it.

    Raises:
        Refused: 404, 403.
        Broken: A join request refers to it: it is left, without members and messages.
    """
    room = world.room(chat_id)
    world.room_of_member(chat_id, caller.id)
    is_referred = any(row.chat_id == chat_id for row in world.join_requests.values())
    if is_referred and world.quirks.deletes_half:
        world.empty(room)
        raise Broken("a join request refers to the chat")
    world.remove_room(room)


def show_new(chat: Chat) -> dict[str, Any]:
    """What `POST /api/chats` answers."""
    return {"id": chat.id, "title": chat.title, "status": chat.status, "created_at": chat.created_at}


def show_detail(world: World, caller: User, chat_id: str) -> dict[str, Any]:
    """
    `GET /api/chats/{chat}`.

    Raises:
        Refused: 404, then 403.
        Broken: A member no longer exists (Q20).
    """
    room = world.room(chat_id)
    world.room_of_member(chat_id, caller.id)
    chat = room.chat
    return {
        "id": chat.id,
        "type": chat.type,
        "title": chat.title,
        "status": chat.status,
        "created_by_user_id": chat.created_by_user_id,
        "created_at": chat.created_at,
        "members": [show_member(user) for user in members_of(world, room)],
    }


def list_summaries(world: World, caller: User) -> list[dict[str, Any]]:
    """
    `GET /api/chats`: the active chats of the caller in storage order.

    Raises:
        Broken: One of them cannot be shown (Q20); switched off, that one is left out.
    """
    summaries = []
    for room in world.rooms_of.get(caller.id, {}).values():
        if room.chat.status != "active":
            continue
        try:
            summaries.append(_summarise(world, room, caller))
        except Broken:
            if world.quirks.poison_chat:
                raise
    return summaries


def members_of(world: World, room: Room) -> list[User]:
    """
    The users in a chat, in storage order.

    Raises:
        Broken: One of them no longer exists (Q20).
    """
    return [known_user(world, room, user_id) for user_id in room.members]


def known_user(world: World, room: Room, user_id: str) -> User:
    """
    A member or sender.

    Raises:
        Broken: He no longer exists (Q20).
    """
    if (user := world.users.get(user_id)) is None:
        raise Broken(f"Chat {room.chat.id} references unknown user {user_id}")
    return user


def avatar_url(user: User) -> str | None:
    """Where the picture of a user is, if there is one."""
    return f"/api/users/{user.id}/avatar" if user.avatar else None


def show_member(user: User) -> dict[str, Any]:
    """A member as every answer shows him: no role, no mute, no cursor."""
    return {"id": user.id, "name": user.name, "type": user.type, "avatar_url": avatar_url(user)}


def title_for(world: World, room: Room, caller_id: str) -> str:
    """
    The chat's title, or the names of the others.

    Raises:
        Broken: Neither is there: an untitled group of one (Q20).
    """
    if room.chat.title:
        return room.chat.title
    others = [user.name for user in members_of(world, room) if user.id != caller_id]
    if not others:
        raise Broken(f"Chat {room.chat.id} has no projectable title")
    return ", ".join(others)


def _summarise(world: World, room: Room, caller: User) -> dict[str, Any]:
    chat = room.chat
    users = members_of(world, room)
    others = [user for user in users if user.id != caller.id]
    return {
        "id": chat.id,
        "title": title_for(world, room, caller.id),
        "status": chat.status,
        "created_at": chat.created_at,
        "updated_at": chat.updated_at,
        "avatar_url": avatar_url(others[0]) if len(others) == 1 else None,
        "members": [show_member(user) for user in users],
        "last_message": _last_message(world, room, caller.id),
        "unread_count": room.members[caller.id].unread,
    }


def _last_message(world: World, room: Room, caller_id: str) -> dict[str, Any] | None:
    message = room.newest_visible(caller_id)
    if message is None:
        return None
    shown: dict[str, Any] = {
        "content": message.content,
        "sender_name": known_user(world, room, message.sender_id).name,
        "created_at": message.created_at,
    }
    if world.rules.is_first:
        return shown
    return {"id": message.id, "seq": message.seq, **shown}


def _checked_others(world: World, caller: User, user_ids: Sequence[str], kind: Kind) -> list[str]:
    if caller.id in user_ids:
        raise Refused(400, "Chat participant ids must not include the authenticated user")
    for user_id in user_ids:
        if user_id not in world.users:
            raise Refused(400, f"Unknown chat participant id: {user_id}")
    others = list(dict.fromkeys(user_ids))
    if not others and kind != "group":
        raise Refused(400, "Chat must include at least one other participant")
    return others


def _open(world: World, caller: User, others: Sequence[str], chat: Chat) -> Chat:
    world.put(chat)
    for user_id in (caller.id, *others):
        world.put(Member(chat_id=chat.id, user_id=user_id))
    return chat


def _check_group(world: World, caller: User, others: Sequence[str]) -> None:
    for user_id in others:
        if not _may_gather(world, caller, world.users[user_id]):
            raise Refused(400, f"Active relationship required for group chat participant: {user_id}")


def _may_gather(world: World, caller: User, other: User) -> bool:
    """Whether the caller may put this user into a new group (4.9)."""
    if _scope(caller) & _scope(other):
        return True
    return any(_knows(world, caller.id, user_id) for user_id in _scope(other))


def _scope(user: User) -> set[str]:
    return {user_id for user_id in (user.id, user.owner_user_id, user.created_by_user_id) if user_id}


def _knows(world: World, one: str, other: str) -> bool:
    contact = world.contacts.get(contact_key(one, other))
    if contact is not None and not contact.blocked:
        return True
    relationship = world.relationships.get(relationship_key(one, other))
    return relationship is not None and relationship.state in {"visit", "hire"}


def contact_key(source: str, target: str) -> str:
    """The key of a contact entry."""
    return source + SEPARATOR + target


def relationship_key(one: str, other: str) -> str:
    """The id of the relationship of two users."""
    low, high = sorted((one, other))
    return f"hire_visit:{low}:{high}"
