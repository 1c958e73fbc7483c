"""
Keeps the loop guard: counts from the journal, holds in the journal, one fact when a chat is held or released.

A hold ends by a human's message in the chat, or by `mycel-runtime resume CHAT`; a restart does not end it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.loop_guard_rule import reason_to_hold
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.journal.own_sends import Unattended
from mycel_runtime.observe.facts import GuardReleased, GuardTripped
from mycel_runtime.plugin.message_context import LoopGuardView
from mycel_runtime.speech.interrupts import WithheldError

if TYPE_CHECKING:
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.port.speech import SpeechJournal
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.settings import GuardSettings
    from mycel_runtime.wire.ids import ChatId, UserId


class LoopGuard:
    """
    The loop guard of one identity.

    Args:
        journal: Where it is remembered.
        me: The identity.
        settings: `[guard]`.
        observer: Told of holds and their ends.
    """

    def __init__(
        self,
        *,
        journal: SpeechJournal,
        me: UserId,
        settings: GuardSettings,
        observer: Observer,
    ) -> None:
        self._journal = journal
        self._me = me
        self.use(settings)
        self._observer = observer
        self._reading = asyncio.Lock()
        self._chats: set[str] | None = None
        self._held: set[str] = set()
        self._chats_with_unknown_sender: set[str] = set()

    def use(self, settings: GuardSettings) -> None:
        """From now on: `[guard]` was reloaded. A chat that is held stays so."""
        self._settings = settings
        self._limits = Unattended(
            turns=settings.turns, chat_sends=settings.chat_sends, plugin_sends=settings.plugin_sends
        )

    def forget(self) -> None:
        """Other processes may have counted, held and released: it is read again."""
        self._chats = None

    async def attend(self, chat_id: ChatId) -> bool:
        """
        A human spoke in the chat, or the operator resumed it: counting begins anew.

        Returns:
            Whether the chat was held.
        """
        chats = await self._unattended_chats()
        if chat_id not in chats:
            return False
        was_held = await self._journal.attend(self._me, chat_id)
        chats.discard(chat_id)
        self._held.discard(chat_id)
        if was_held:
            self._observer.tell(GuardReleased(chat_id=chat_id))
        return was_held

    def note_sender(self, chat_id: ChatId, *, is_sender_unknown: bool) -> None:
        """Whether what is in view may be a human's, and nobody can tell (Q20)."""
        if is_sender_unknown:
            self._chats_with_unknown_sender.add(chat_id)
        else:
            self._chats_with_unknown_sender.discard(chat_id)

    async def view(self, delivery: Delivery, chat_id: ChatId, *, is_attended: bool) -> LoopGuardView:
        """What the handler may know of it."""
        if is_attended or chat_id not in await self._unattended_chats():
            return LoopGuardView(turns=0, turns_left=self._settings.turns, is_held=False)
        said = await self._count(delivery)
        return LoopGuardView(
            turns=said.turns,
            turns_left=max(
                0, self._settings.turns - (0 if chat_id in self._chats_with_unknown_sender else said.turns)
            ),
            is_held=chat_id in self._held or self._reason(chat_id, said) is not None,
        )

    async def require_speech(self, delivery: Delivery, chat_id: ChatId) -> None:
        """
        Before each message that no human's one precedes.

        Raises:
            WithheldError: It would be too much; the chat is held from now on.
        """
        (await self._unattended_chats()).add(chat_id)
        if chat_id in self._held:
            raise WithheldError
        reason = self._reason(chat_id, await self._count(delivery))
        if reason is None:
            return
        if await self._journal.hold(self._me, chat_id, reason=reason):
            self._observer.tell(GuardTripped(handler=delivery.handler, chat_id=chat_id, reason=reason))
        self._held.add(chat_id)
        raise WithheldError

    def _reason(self, chat_id: ChatId, said: Unattended) -> str | None:
        return reason_to_hold(
            said, self._settings, is_sender_unknown=chat_id in self._chats_with_unknown_sender
        )

    async def _count(self, delivery: Delivery) -> Unattended:
        plugin = plugin_of(delivery.handler)
        within = self._settings.window
        return await self._journal.unattended(delivery, plugin=plugin, within=within, limits=self._limits)

    async def _unattended_chats(self) -> set[str]:
        async with self._reading:
            if self._chats is None:
                self._held = {hold.chat_id for hold in await self._journal.holds(self._me)}
                self._chats = set(await self._journal.unattended_chats(self._me))
        return self._chats
