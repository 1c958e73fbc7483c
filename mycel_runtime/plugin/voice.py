"""What a handler says first, as it is made: journalled, and nothing waits for its chat."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, get_args

from mycel_runtime.errors import ArgumentError
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.journal.turns import Uttered
from mycel_runtime.journal.utterance import Utterance, UtterancePolicy
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.conversation import told
from mycel_runtime.speech.caught_up import content_hash
from mycel_runtime.speech.reply_ordinals import LAST_WORDS_ORDINAL, ReplyOrdinals
from mycel_runtime.wire.arguments import require_mentions, require_page, require_sayable, require_storable
from mycel_runtime.wire.ids import ChatId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from mycel_runtime.journal.changes import Changes, ReadMove
    from mycel_runtime.journal.delivery import Delivery
    from mycel_runtime.journal.ids import HandlerId, Lane
    from mycel_runtime.journal.port.speech import SpeechJournal
    from mycel_runtime.journal.questions import NewQuestion
    from mycel_runtime.plugin.asking import Asking
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.port import AnswerWish, ToldMessage
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.speech.turn import Turn
    from mycel_runtime.wire.ids import UserId

_POLICIES: Final = get_args(UtterancePolicy)


class AgentChats:
    """
    The agent's chats, as a handler that speaks first needs them.

    Args:
        sdk: As the identity.
    """

    def __init__(self, sdk: AsyncClient) -> None:
        self._sdk = sdk
        self._one_at_a_time = asyncio.Lock()

    async def newest_seq(self, chat_id: ChatId) -> MessageSeq:
        """
        Of the newest message; 0: there is none.

        Raises:
            ApiError: There is no such chat, or the backend cannot tell.
        """
        newest = await self._sdk.messages.list(chat_id, limit=1)
        return MessageSeq(newest[-1]["seq"] if newest else 0)

    async def direct(self, user_id: str) -> str:
        """
        The id of the direct one with somebody; made if there is none.

        One at a time: two that are made at once are two chats (Q43).

        Raises:
            ArgumentError: It is no user id.
            ApiError: There is no such user, or the backend cannot tell.
        """
        require_storable(user_id, "the user id")
        async with self._one_at_a_time:
            return (await self._sdk.chats.ensure_direct(user_id))["id"]


class Reading(Protocol):
    """What one run reads of chats."""

    @property
    def moves(self) -> tuple[ReadMove, ...]:
        """How far its plugin has read, once the run's end stands."""

    @property
    def shown(self) -> Mapping[ChatId, Sequence[Sequence[Message]]]:
        """What was read, by chat and page."""

    async def read(self, chat_id: ChatId, limit: int) -> Sequence[Message]:
        """The next messages of a chat that the plugin has not been shown."""

    def count(self, chat_id: ChatId, seq: int) -> None:
        """The page that ends with this number has come to the handler."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceDependencies:
    """
    What it takes to speak first and to read, in whatever chat.

    Attributes:
        journal: Where it is kept until it is said.
        me: The identity.
        chats: The agent's chats.
        clock: Epoch seconds.
        lane_of: The lane of a chat.
        reading: Begins what a run of a handler reads.
        asking: What it takes to ask.
    """

    journal: SpeechJournal
    me: UserId
    chats: AgentChats
    clock: Callable[[], float]
    lane_of: Callable[[ChatId], Lane]
    reading: Callable[[HandlerId], Reading]
    asking: Asking

    async def known_seq(self, chat_id: ChatId, on_conflict: UtterancePolicy) -> MessageSeq | None:
        """
        How far a chat goes of which the journal knows nothing; `None`: what the journal knows will do.

        What is dropped when somebody speaks after it was made needs to know what stood there by then.

        Raises:
            ApiError: The backend cannot tell.
            JournalError: The journal failed.
        """
        if on_conflict != "drop":
            return None
        cursors = await self.journal.chat_cursors(self.me, self.lane_of(chat_id))
        if any(cursor.shown_seq or cursor.wanted_seq for cursor in cursors.values()):
            return None
        return await self.chats.newest_seq(chat_id)


@dataclass(slots=True, kw_only=True)
class Voice:
    """
    The `RunPort` of one run.

    An utterance is the n-th of its delivery *in its chat*: a repeated run that speaks to the same chats in another
    order, or to more of them, says nothing twice and leaves nothing out.

    Attributes:
        delivery: In whose run it speaks.
        turn: What it says in its own chat is a reply of this; `None`: it has no chat of its own.
        newer: Shows what is new in its own chat.
        is_giving_up: The run is the last: what it says is none of what the handler has said.
        uttered: What it has had said in other chats, in order.
        directs: Direct chats that it has asked for, by user.
        reading: What it has read of other chats.
    """

    dependencies: VoiceDependencies
    delivery: Delivery
    turn: Turn | None = None
    newer: Callable[[], Awaitable[Sequence[Message]]] | None = None
    is_giving_up: bool = False
    uttered: list[Uttered] = field(default_factory=list)
    directs: dict[str, str] = field(default_factory=dict, repr=False)
    reading: Reading = field(init=False, repr=False)
    _ordinals: defaultdict[str, ReplyOrdinals] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        first = LAST_WORDS_ORDINAL if self.is_giving_up else 0
        self._ordinals = defaultdict(lambda: ReplyOrdinals(first))
        self.reading = self.dependencies.reading(self.delivery.handler)

    async def say(self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str) -> None:
        """
        Have something said in a chat; in the run's own, say it.

        Raises:
            ArgumentError: It is nothing that can be said.
            ApiError: As of `VoiceDependencies.known_seq`.
            JournalError: The journal failed.
            TurnEndedError, ApiError: As of `Turn.send`, in the run's own chat.

        Cancelling: it is made or not; said again with the same words it is the same.
        """
        require_utterable(chat_id, text, mentions, on_conflict)
        if self.turn is not None and self.turn.chat_id == chat_id:
            await self.turn.send(text, mentions)
            return
        await self._utter(ChatId(chat_id), text, mentions, on_conflict, question=None)

    async def ask(
        self, chat_id: str, text: str, mentions: Sequence[str], on_conflict: str, wish: AnswerWish
    ) -> None:
        """
        Have something asked in a chat; in the run's own, too, it is no reply: it is said when the run has ended.

        Raises:
            ArgumentError: It is nothing that can be asked.
            ApiError: Whose answer it is cannot be known now.
            JournalError: The journal failed.

        Cancelling: as of `say`.
        """
        require_utterable(chat_id, text, mentions, on_conflict)
        question = await self.dependencies.asking.question(
            plugin_of(self.delivery.handler), ChatId(chat_id), wish
        )
        await self._utter(ChatId(chat_id), text, mentions, on_conflict, question=question)

    async def _utter(
        self,
        chat_id: ChatId,
        text: str,
        mentions: Sequence[str],
        on_conflict: str,
        *,
        question: NewQuestion | None,
    ) -> None:
        asks = "" if question is None else question.name
        words, ordinals = uttered_hash(text, mentions, asks), self._ordinals[chat_id]
        ordinal = ordinals.take(words)
        try:
            await self._make(chat_id, ordinal, text, mentions, cast("UtterancePolicy", on_conflict), question)
        except BaseException:
            ordinals.leave(ordinal, words)
            raise
        self.uttered.append(Uttered(chat_id, words, len(text)))

    async def direct(self, user_id: str) -> str:
        """
        As `AgentChats.direct`.

        Raises:
            ArgumentError: It is no user id.
            ApiError: There is no such user, or the backend cannot tell.
        """
        chat_id = self.directs[user_id] = await self.dependencies.chats.direct(user_id)
        return chat_id

    async def read(self, chat_id: str, limit: int) -> list[ToldMessage]:
        """
        What the plugin has not been shown in a chat; in the run's own, what is new to its handler.

        Raises:
            ArgumentError: It is no chat id, or the limit is out of range.
            ApiError: The chat cannot be read.
            JournalError: The journal failed.
            UnansweredError: As of `newer`, in the run's own chat.

        Cancelling: what was not returned does not count as shown.
        """
        if self.newer is not None and self.turn is not None and self.turn.chat_id == chat_id:
            return [told(message) for message in await self.newer()]
        return await read(self.reading, chat_id, limit)

    def count_read(self, chat_id: str, seq: int) -> None:
        """What was read up to there counts as shown."""
        count_read(self.reading, chat_id, seq)

    def complete(self, changes: Changes) -> Changes:
        """The changes of the run, with how far it has read."""
        moves = self.reading.moves
        return changes._replace(reads=moves) if moves else changes

    async def _make(
        self,
        chat_id: ChatId,
        ordinal: int,
        text: str,
        mentions: Sequence[str],
        on_conflict: UtterancePolicy,
        question: NewQuestion | None,
    ) -> None:
        known_seq, now = await self.dependencies.known_seq(chat_id, on_conflict), self.dependencies.clock()
        utterance = Utterance(
            identity=self.dependencies.me,
            handler=self.delivery.handler,
            lane=self.dependencies.lane_of(chat_id),
            chat_id=chat_id,
            delivery_id=self.delivery.delivery_id,
            turn=self.delivery.turn,
            ordinal=ordinal,
            content=text,
            mentions=tuple(mentions),
            on_conflict=on_conflict,
            known_seq=known_seq,
            made_at=now,
        )
        if question is not None:
            # Before it is there: whoever looks for it must know where.
            self.dependencies.asking.asks(chat_id)
        await self.dependencies.journal.utter(utterance, question=question)


async def read(reading: Reading, chat_id: str, limit: int) -> list[ToldMessage]:
    """
    As `Reading.read`, as a port tells it.

    Raises:
        ArgumentError: It is no chat id, or the limit is out of range.
    """
    require_sayable(chat_id, "the chat id")
    require_page(limit, "the limit")
    return [told(message) for message in await reading.read(ChatId(chat_id), limit)]


def count_read(reading: Reading, chat_id: Any, seq: Any) -> None:
    """As `Reading.count`, of what a plugin's process says, which may be anything."""
    if isinstance(chat_id, str) and isinstance(seq, int):
        reading.count(ChatId(chat_id), seq)


def uttered_hash(text: str, mentions: Sequence[str], asks: str) -> str:
    """
    By which the same words are known again.

    Args:
        text: The words.
        mentions: User ids.
        asks: Name of the question that they are; empty: they are none.
    """
    words = content_hash(text, mentions=mentions)
    return f"{words}?{asks}" if asks else words


def require_utterable(chat_id: str, text: str, mentions: Sequence[str], on_conflict: str) -> None:
    """
    Refuse what no attempt could say.

    Raises:
        ArgumentError: So it is.
    """
    require_sayable(chat_id, "the chat id")
    require_sayable(text, "the text")
    require_mentions(mentions)
    if on_conflict not in _POLICIES:
        raise ArgumentError(
            f"on_conflict is none of {', '.join(map(repr, _POLICIES))}",
            fix='"wait" says it when what came meanwhile was shown, "drop" does not say it then.',
        )
