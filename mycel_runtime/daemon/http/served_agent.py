"""An agent as the page asks it: however many look, it is asked twice a second at most."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.daemon.http.cached import Cached
from mycel_runtime.daemon.http.conversations import Conversations, read_conversations
from mycel_runtime.daemon.http.overview import overview_of
from mycel_runtime.daemon.http.samples import Samples
from mycel_runtime.journal.pause import PauseKind
from mycel_runtime.wire.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric as Family

    from mycel_runtime.daemon.admin import Admin
    from mycel_runtime.daemon.http.member import Member
    from mycel_runtime.daemon.status import Status
    from mycel_runtime.observe.facts import Fact

_STATUS_SECONDS: Final = 0.5
_CONVERSATIONS_SECONDS: Final = 2.0


class ServedAgent:
    """
    One agent of the listener.

    Attributes:
        status, overview, conversations: As they are by now, or were a moment ago.
        samples: The last hours.
    """

    def __init__(self, member: Member) -> None:
        self._member = member
        self.status: Cached[Status] = Cached(member.status, seconds=_STATUS_SECONDS, clock=time.monotonic)
        self.overview: Cached[dict[str, Any]] = Cached(
            self._overview, seconds=_STATUS_SECONDS, clock=time.monotonic
        )
        self.conversations: Cached[Conversations] = Cached(
            self._conversations, seconds=_CONVERSATIONS_SECONDS, clock=time.monotonic
        )
        self.samples = Samples()

    @property
    def admin(self) -> Admin | None:
        """The operator's verbs; `None` while it is not at work."""
        return self._member.admin

    @property
    def has_ended(self) -> bool:
        """Whether it lives no more."""
        return self._member.has_ended

    def tell(self, fact: Fact) -> None:
        """Let its observers know."""
        self._member.tell(fact)

    def forget(self) -> None:
        """Something was changed."""
        self.status.forget()
        self.overview.forget()

    async def families(self) -> Iterable[Family]:
        """Its metrics."""
        return self._member.families(await self.status.get())

    async def take_sample(self) -> None:
        """One more point of its charts."""
        self.samples.take(await self.status.get())

    async def _overview(self) -> dict[str, Any]:
        status, admin = await self.status.get(), self._member.admin
        letters = await admin.dead() if admin and status.work.dead_letters else []
        is_unsettled = status.speaking.unknown or status.speaking.unsettled
        sends = await admin.unresolved() if admin and is_unsettled else []
        return overview_of(status, has_ended=self.has_ended, letters=letters, sends=sends)

    async def chat_ids(self) -> frozenset[str]:
        """Of all chats that are shown."""
        status, conversations = await self.status.get(), await self.conversations.get()
        paused = (pause.name for pause in status.work.paused if pause.kind == PauseKind.CHAT)
        return conversations.chat_ids.union(status.speaking.held, paused)

    async def _conversations(self) -> Conversations:
        if (user_id := (await self.status.get()).user_id) is None:
            return Conversations([], frozenset())
        return await asyncio.to_thread(read_conversations, self._member.reader, UserId(user_id))
