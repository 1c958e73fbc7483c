"""
What is said by a tool, from outside of any handler's run.

It is an utterance like those of handlers: journalled first, said in its chat's lane behind what is due there, by a
turn with its intent and its proof. So a running handler and a tool never speak at a time, and a process that is
killed in between says nothing twice. An utterance is known by a key that the caller draws: asking for it once more,
because an answer was lost, makes nothing new, over restarts too.

A *reply* answers what whoever speaks has been shown, up to a number that he names. If anything else was said since,
by others or by this agent's own handlers, it is not said, and he is told what that was.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, TypedDict

from mycel_runtime.dispatch.lanes import chat_lane
from mycel_runtime.dispatch.tool_message import is_news, tool_message_of
from mycel_runtime.journal.ids import DeliveryId
from mycel_runtime.journal.tool_handlers import TOOL_REPLY, TOOL_SAY
from mycel_runtime.journal.utterance import SpokenState, Utterance
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.voice import require_utterable
from mycel_runtime.speech.history import messages_after
from mycel_runtime.wire.arguments import require_sayable, require_storable
from mycel_runtime.wire.ids import ChatId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.dispatch.tool_results import ShownMessage
    from mycel_runtime.journal.port.speech import SpeechJournal
    from mycel_runtime.journal.utterance import Spoken
    from mycel_runtime.plugin.roster import Roster
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.wire.ids import UserId

LONGEST_WAIT_SECONDS: Final = 60.0
"""For an utterance to be said, in one call; whoever asked may ask again."""

_NEWS: Final = 50
"""Messages that a speaker is told of at a time."""


class SpokenReport(TypedDict):
    """
    What became of an utterance.

    Attributes:
        state: A `SpokenState`.
        seq: Of its message, once it was said.
        reason: Of its dead letter; or why it waits, if that is known.
        news: What was said in the chat since the number that the speaker named, the newest at most; of a reply only.
        is_all: `news` is all of that.
    """

    state: str
    seq: int | None
    message_id: str | None
    reason: str
    news: list[ShownMessage]
    is_all: bool


@dataclass(slots=True, kw_only=True)
class ToolSpeech:
    """
    Says what tools say.

    Attributes:
        journal: Where it is kept until it is said.
        sdk: As the identity.
        roster: Who is in a chat.
        me: The identity.
        clock: Epoch seconds.
    """

    journal: SpeechJournal
    sdk: AsyncClient
    roster: Roster
    me: UserId
    clock: Callable[[], float]
    _waiting: set[asyncio.Event] = field(default_factory=set)

    def note_end(self) -> None:
        """An utterance has come to an end, or has not: whoever waits for one looks again."""
        for event in self._waiting:
            event.set()

    async def speak(
        self,
        key: str,
        chat_id: str,
        text: str,
        mentions: Sequence[str],
        *,
        known_seq: int | None,
        seconds: float,
    ) -> SpokenReport:
        """
        Have something said, once for each key, and wait for it a while.

        Args:
            key: Drawn by the caller; the same one is the same utterance, whatever the words.
            chat_id: Where.
            text: What.
            mentions: User ids.
            known_seq: A reply: all up to this number is known to whoever speaks. `None`: it is said first.
            seconds: To wait for its end.

        Raises:
            ArgumentError: It is nothing that can be said.
            ApiError: The agent is not in that chat, or the backend cannot tell.
            JournalError: The journal failed.

        Cancelling: it is made or not; asked for again with its key it is the same.
        """
        require_storable(key, "the key")
        require_utterable(chat_id, text, mentions, "wait")
        utterance = self._utterance(key, chat_id, known_seq, text=text, mentions=tuple(mentions))
        if await self.journal.spoken(utterance) is None:
            # Asked before: a chat that it is not in would be a dead letter after a while.
            await self.roster.room(ChatId(chat_id), ())
            await self.journal.utter(utterance)
        return await self._report(utterance, seconds)

    async def outcome(
        self, key: str, chat_id: str, *, known_seq: int | None, seconds: float
    ) -> SpokenReport | None:
        """
        What became of what was said with this key; `None`: nothing was.

        Raises:
            ArgumentError, ApiError, JournalError: As of `speak`.

        Cancelling: loses nothing.
        """
        require_storable(key, "the key")
        require_sayable(chat_id, "the chat id")
        utterance = self._utterance(key, chat_id, known_seq)
        if await self.journal.spoken(utterance) is None:
            return None
        return await self._report(utterance, seconds)

    def _utterance(
        self, key: str, chat_id: str, known_seq: int | None, *, text: str = "", mentions: tuple[str, ...] = ()
    ) -> Utterance:
        return Utterance(
            identity=self.me,
            handler=TOOL_SAY if known_seq is None else TOOL_REPLY,
            lane=chat_lane(ChatId(chat_id)),
            chat_id=ChatId(chat_id),
            delivery_id=_delivery_id(key),
            turn=0,
            ordinal=0,
            content=text,
            mentions=mentions,
            on_conflict="wait" if known_seq is None else "drop",
            known_seq=None if known_seq is None else MessageSeq(known_seq),
            made_at=self.clock(),
        )

    async def _report(self, utterance: Utterance, seconds: float) -> SpokenReport:
        spoken = await self._wait(utterance, min(max(0.0, seconds), LONGEST_WAIT_SECONDS))
        reason = spoken.reason
        if spoken.state is SpokenState.WAITING:
            reason = await self._held_by(utterance.chat_id)
        news, is_all = await self._news(utterance, spoken)
        return SpokenReport(
            state=spoken.state.value,
            seq=spoken.seq,
            message_id=spoken.message_id,
            reason=reason,
            news=news,
            is_all=is_all,
        )

    async def _wait(self, utterance: Utterance, seconds: float) -> Spoken:
        """What has become of it by the time that it ends, or the time is over."""
        event, ends_at = asyncio.Event(), time.monotonic() + seconds
        self._waiting.add(event)
        try:
            while True:
                event.clear()
                spoken = await self.journal.spoken(utterance)
                assert spoken is not None
                if spoken.state is not SpokenState.WAITING:
                    return spoken
                try:
                    async with asyncio.timeout(ends_at - time.monotonic()):
                        await event.wait()
                except TimeoutError:
                    return spoken
        finally:
            self._waiting.discard(event)

    async def _held_by(self, chat_id: ChatId) -> str:
        holds = await self.journal.holds(self.me)
        return next((hold.reason for hold in holds if hold.chat_id == chat_id), "")

    async def _news(self, utterance: Utterance, spoken: Spoken) -> tuple[list[ShownMessage], bool]:
        """What the speaker of a reply does not know yet, his reply aside; and whether that is all of it."""
        if utterance.known_seq is None or spoken.state not in (SpokenState.SAID, SpokenState.UNSAID):
            return [], utterance.known_seq is None
        since = await messages_after(self.sdk, utterance.chat_id, utterance.known_seq)
        news = [each for each in since if each["id"] != spoken.message_id and is_news(each, self.me)]
        room = await self.roster.room(utterance.chat_id, {message["sender_id"] for message in news})
        shown = [tool_message_of(message, room, me=self.me) for message in news[-_NEWS:]]
        return shown, len(news) <= _NEWS


def _delivery_id(key: str) -> DeliveryId:
    """In the place of a delivery: below all of theirs, and the same for the same key."""
    drawn: Any = hashlib.sha256(b"tool:" + key.encode()).digest()[:8]
    return DeliveryId(-1 - (int.from_bytes(drawn) >> 2))
