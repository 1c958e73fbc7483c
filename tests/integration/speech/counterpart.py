"""The other side of a model: the real application without sockets, a human, an agent, and their chat."""

from __future__ import annotations

import httpx

from mycel_runtime.backend.faults import Faults
from mycel_runtime.backend.http.app import build_app
from mycel_runtime.backend.options import BackendOptions
from mycel_runtime.backend.service import Post, Service
from mycel_runtime.backend.storage import MemoryStorage
from mycel_runtime.backend.world import accounts, chats, messages

ME = "agent"
CHAT = "chat"


class Counterpart:
    """
    Used within one loop.

    Args:
        kind: Of `BackendOptions`.
    """

    def __init__(self, kind):
        self.faults = Faults()
        rules = BackendOptions(**kind).rules
        self.is_atomic = not rules.quirks.check_then_write
        self._service = Service(MemoryStorage(rules), self.faults, None, Post())
        self.application = httpx.ASGITransport(build_app(self._service))
        self._spoken = 0

    async def open(self):
        """A human, an agent and a chat."""
        service = self._service
        with service.transaction():
            self._human = accounts.create_human(
                service.world, "a@example.org", "", unique="human", now=service.now()
            )
            accounts.create_external(service.world, self._human, ME, ME, now=service.now())
            chats.create(service.world, self._human, [ME], None, "direct", chat_id=CHAT, now=service.now())

    @property
    def token(self):
        return self._service.tokens.make(ME, self._service.now())

    async def speak(self):
        """The human says something, and its number."""
        service = self._service
        with service.transaction():
            message = messages.write(
                service.world,
                self._human,
                CHAT,
                messages.Speech(content=self._next()),
                message_id=service.new_id(),
                now=service.now(),
            )
        return message.seq

    def slip(self):
        """The human says something between the check and the write of this send (Q28), if it gets so far."""
        if not self.is_atomic:
            self.faults.interject("human", self._next())

    def fail_delivery(self):
        """The next send is stored and fails (Q21)."""
        self.faults.fail_delivery()

    def clear(self):
        """Forget what has not happened."""
        self.faults.clear()

    @property
    def messages(self):
        """All of them, ascending."""
        return self._service.world.rooms[CHAT].messages

    @property
    def newest_seq(self):
        return self.messages[-1].seq if self.messages else 0

    @property
    def said(self):
        """What the human has said; all of it is different."""
        return [message.content for message in self.messages if message.sender_id != ME]

    def unread(self):
        """The newest number that the server would announce to the agent; `None` if there is none."""
        room = self._service.world.rooms[CHAT]
        unread = room.unread_of(room.members[ME])
        return unread[-1].seq if unread else None

    def _next(self):
        self._spoken += 1
        return f"{self._spoken}"
