"""
What the owner of a local backend may do besides the API: look at everything, and speak as anyone.

Every verb takes and returns plain JSON values; it runs in the backend's loop.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.backend.tokens import hash_password
from mycel_runtime.backend.world import accounts, chats, messages, registration
from mycel_runtime.backend.world.entities import Contact, User
from mycel_runtime.backend.world.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.backend.service import Service


class Operator:
    """The verbs, over one life of a backend."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def users(self) -> list[dict[str, Any]]:
        """Everybody."""
        return [
            {"id": user.id, "name": user.name, "type": user.type, "owner": user.owner_id}
            for user in self._service.world.users.values()
        ]

    def chats(self) -> list[dict[str, Any]]:
        """Every chat, with how far each member has read."""
        return [
            {
                "id": room.chat.id,
                "type": room.chat.type,
                "title": room.chat.title,
                "status": room.chat.status,
                "messages": len(room.messages),
                "members": {
                    member.user_id: {"cursor": member.cursor, "unread": member.unread}
                    for member in room.members.values()
                },
            }
            for room in self._service.world.rooms.values()
        ]

    def messages(self, chat_id: str, limit: int = 20) -> list[dict[str, Any]]:
        """The newest messages of a chat, oldest first."""
        return [
            {"seq": message.seq, "sender_id": message.sender_id, "content": message.content}
            for message in self._service.world.room(chat_id).messages[-limit:]
        ]

    def overhear(self, user_id: str, after: dict[str, int] | None = None) -> list[dict[str, Any]]:
        """
        All that is said where somebody is, in the order of the chats, oldest first, as the API shows it.

        Args:
            user_id: Who listens; nothing counts as read by him.
            after: Only above these seqs, by chat.
        """
        world, above = self._service.world, after or {}
        return [
            messages.show(world, room, message)
            for chat_id, room in world.rooms_of.get(user_id, {}).items()
            for message in room.after(above.get(chat_id, 0))
        ]

    def backlog(self, user_id: str) -> dict[str, Any]:
        """What somebody has not been told yet: what is queued, the last number, each chat's newest unread seq."""
        service = self._service
        rooms = service.world.rooms_of.get(user_id, {})
        unread = {chat_id: room.unread_of(room.members[user_id]) for chat_id, room in rooms.items()}
        return {
            "queued": len(service.world.queues.get(user_id, ())),
            "last_seq": service.streams.last_seq(user_id),
            "unread": {chat_id: found[-1].seq for chat_id, found in unread.items() if found},
        }

    def inboxes(self) -> list[dict[str, Any]]:
        """Every inbox: what is queued, the last number, whether anybody listens."""
        service = self._service
        return [
            {
                "user_id": user_id,
                "queued": len(service.world.queues.get(user_id, ())),
                "last_seq": service.streams.last_seq(user_id),
                "is_listening": service.bus.is_registered(user_id),
            }
            for user_id in service.world.users
        ]

    def say(
        self,
        user_id: str,
        chat_id: str,
        content: str,
        *,
        message_type: str = "human",
        signal: str | None = None,
        mentioned_ids: Sequence[str] = (),
    ) -> dict[str, Any]:
        """
        Speak as anyone who is in the chat; a managed agent's words are of type `ai`, with a signal (4.1).

        Returns:
            The message, as the API shows it.
        """
        service = self._service
        sender = self._user(user_id)
        speech = messages.Speech(
            content=content, message_type=message_type, signal=signal, mentioned_ids=list(mentioned_ids)
        )
        messages.check(service.world, sender, chat_id, speech)
        with service.transaction():
            message = messages.write(
                service.world,
                sender,
                chat_id,
                speech,
                message_id=service.new_id(),
                now=service.now(),
            )
        return messages.show(service.world, service.world.room(chat_id), message)

    def token(self, user_id: str) -> dict[str, str]:
        """A token of anyone, for ever."""
        return {"token": self._service.tokens.make(self._user(user_id).id, self._service.now())}

    def add_user(self, email: str, password: str) -> dict[str, Any]:
        """A human who can log in, without an invitation."""
        service = self._service
        with service.transaction():
            user = accounts.create_human(
                service.world,
                email,
                hash_password(password),
                unique=service.new_id(),
                now=service.now(),
            )
        return {"id": user.id, "mycel_id": user.mycel_id}

    def add_guest(self, name: str) -> dict[str, str]:
        """A human without an account, and a token of his."""
        service = self._service
        with service.transaction():
            user = accounts.create_guest(service.world, name, unique=service.new_id(), now=service.now())
        return {"id": user.id, **self.token(user.id)}

    def add_external(self, owner_id: str, user_id: str, name: str) -> dict[str, str]:
        """An external agent of anyone, and a token of its own."""
        service = self._service
        with service.transaction():
            user = accounts.create_external(
                service.world, self._user(owner_id), user_id, name, now=service.now()
            )
        return {"id": user.id, **self.token(user.id)}

    def open_direct(self, user_id: str, other_id: str) -> dict[str, str]:
        """The direct chat of these two."""
        service = self._service
        with service.transaction():
            chat = chats.create(
                service.world,
                self._user(user_id),
                [other_id],
                None,
                "direct",
                chat_id=service.new_id(),
                now=service.now(),
            )
        return {"id": chat.id}

    def add_agent(self, owner_id: str, name: str) -> dict[str, Any]:
        """A managed agent of anyone; it is a row, nothing is executed."""
        service = self._service
        agent = User(
            id=f"m_{secrets.token_hex(6)}",
            name=name,
            type="agent",
            owner_user_id=self._user(owner_id).id,
            created_at=service.now(),
        )
        with service.transaction():
            service.world.put(agent)
        return {"id": agent.id}

    def invite(self) -> dict[str, str]:
        """A new invite code, good for one registration."""
        code = secrets.token_hex(4)
        with self._service.transaction():
            registration.invite(self._service.world, code)
        return {"invite_code": code}

    def codes(self) -> dict[str, str]:
        """The one-time passwords sent in this life, by address."""
        return dict(self._service.post.codes)

    def contact(
        self, source: str, target: str, *, blocked: bool = False, muted: bool = False
    ) -> dict[str, str]:
        """Let `source` take what `target` says, quietly, or not at all."""
        row = Contact(source=self._user(source).id, target=target, blocked=blocked, muted=muted)
        with self._service.transaction():
            self._service.world.put(row)
        return {"status": "ok"}

    def remove_chat(self, chat_id: str) -> dict[str, str]:
        """Hide a chat from everybody's lists (4.9)."""
        world = self._service.world
        with self._service.transaction():
            room = world.room(chat_id)
            room.chat.status = "deleted"
            world.touch(room.chat)
        return {"status": "deleted"}

    def _user(self, user_id: str) -> User:
        if (user := self._service.world.users.get(user_id)) is None:
            raise Refused(404, f"no such user: {user_id}")
        return user


VERBS: Final = frozenset(
    {
        "backlog",
        "open_direct",
        "overhear",
        "users",
        "chats",
        "messages",
        "inboxes",
        "say",
        "token",
        "add_agent",
        "add_external",
        "add_guest",
        "add_user",
        "invite",
        "codes",
        "contact",
        "remove_chat",
    }
)
"""The methods of `Operator` that may be called from outside."""
