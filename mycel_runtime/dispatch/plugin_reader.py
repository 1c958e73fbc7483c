"""
What of a chat a plugin is shown because it asks, from whatever lane it runs in: `ctx.read`.

A message is shown to a plugin once. Those that one of its handlers of messages wants are that handler's, in the
chat's own lane and in order, be it that it has been called already, is being called, or is to be; reading takes none
of them away, and leaves its cursor alone. All others are read here, by a cursor that is the plugin's own. So the two
lanes have nothing in common that they could lose or show twice. Of two runs that read the same messages side by side
the second is refused by the journal, and run again.

Nothing moves on the server: its cursor is moved as a proof only, when something is said.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mycel_runtime.dispatch.audience import Audience
from mycel_runtime.dispatch.reading_place import ReadingPlace
from mycel_runtime.journal.changes import ReadCursor
from mycel_runtime.journal.ids import plugin_of
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.message import message_from_api
from mycel_runtime.plugin.subscription import MessageSubscription
from mycel_runtime.speech.caught_up import concerns
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.history import messages_between
from mycel_runtime.wire.ids import ChatId, MessageSeq
from mycel_runtime.wire.limits import PAGE_MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mycel_runtime.dispatch.listeners import Listeners
    from mycel_runtime.dispatch.questions import Questions
    from mycel_runtime.journal.changes import ReadMove
    from mycel_runtime.journal.cursor import ChatCursor
    from mycel_runtime.journal.ids import HandlerId
    from mycel_runtime.journal.port.dispatcher import DispatcherJournal
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.roster import Roster
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.speech.evidence import Evidence
    from mycel_runtime.wire import resources
    from mycel_runtime.wire.ids import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReader:
    """
    What it takes to read.

    Attributes:
        journal: Where it is written down how far each plugin has read.
        sdk: As the identity.
        roster: Who is in a chat.
        listeners: Are told of what they were not told of yet.
        me: The identity.
        evidence: Told of chats that could be read.
        clock: Epoch seconds.
        hole_grace: Seconds that a number which was drawn may take to appear.
        wake: Called when something may be due.
        questions: Say what is somebody's answer.
    """

    journal: DispatcherJournal
    sdk: AsyncClient
    roster: Roster
    listeners: Listeners
    questions: Questions
    me: UserId
    evidence: Evidence
    clock: Callable[[], float]
    hole_grace: float
    wake: Callable[[], None]

    def reading(self, handler: HandlerId, *, with_own: bool = False) -> PluginReading:
        """What one run of this handler reads; with what the agent itself has said, or without."""
        return PluginReading(self, plugin_of(handler), with_own=with_own)


class PluginReading:
    """
    The reading of one run.

    Args:
        reader: What it takes.
        plugin: Whose it is.
        with_own: What the agent itself has said is read, too.

    Attributes:
        shown: What was handed out, by chat and page.
    """

    def __init__(self, reader: PluginReader, plugin: str, *, with_own: bool = False) -> None:
        self._reader = reader
        self._plugin = plugin
        self._with_own = with_own
        self._one_at_a_time = asyncio.Lock()
        self._places: dict[ChatId, ReadingPlace] = {}
        self.shown: dict[ChatId, list[tuple[Message, ...]]] = {}

    @property
    def moves(self) -> tuple[ReadMove, ...]:
        """How far the plugin has read, once the run's end stands."""
        moves = (place.move for place in self._places.values())
        return tuple(move for move in moves if move is not None)

    async def read(self, chat_id: ChatId, limit: int) -> tuple[Message, ...]:
        """
        The next messages of a chat that the plugin has not been shown, oldest first.

        Raises:
            ApiError: The chat cannot be read.
            JournalError: The journal failed.

        Cancelling: what was not returned does not count as shown.
        """
        async with self._one_at_a_time:
            place = self._places.get(chat_id) or await self._begin(chat_id)
            self._places[chat_id] = place
            if not place.ahead:
                await self._look(place)
            page = place.hand_out(limit)
        self.shown.setdefault(chat_id, []).append(page)
        return page

    def count(self, chat_id: str, seq: int) -> None:
        """The page that ends with this number has come to the handler."""
        if (place := self._places.get(ChatId(chat_id))) is not None:
            place.counted.add(seq)

    def place(self, chat_id: ChatId) -> ReadingPlace:
        """Where it is in a chat that it has read."""
        return self._places[chat_id]

    async def _begin(self, chat_id: ChatId) -> ReadingPlace:
        """Where the plugin is; new to the chat, it begins where the agent did."""
        reader = self._reader
        cursors = await reader.listeners.cursors(chat_id)
        known = await reader.journal.read_cursor(reader.me, self._plugin, chat_id=chat_id)
        if known is None:
            known = ReadCursor(MessageSeq(await self._start(chat_id, cursors)), (), 0)
        place = ReadingPlace(
            chat_id=chat_id,
            begun=known,
            read_seq=known.read_seq,
            holes=known.holes,
            theirs=self._theirs(cursors),
            cursors=cursors,
        )
        if place.holes:
            await self._look_into_holes(place)
        return place

    async def _start(self, chat_id: ChatId, cursors: Mapping[HandlerId, ChatCursor]) -> int:
        starts = [cursor.start_seq for cursor in cursors.values() if cursor.start_seq is not None]
        return min(starts) if starts else await self._reader.listeners.anchor.start(chat_id)

    def _theirs(
        self, cursors: Mapping[HandlerId, ChatCursor]
    ) -> Sequence[tuple[MessageSubscription, ChatCursor]]:
        handlers = self._reader.listeners.handlers
        return [
            (subscription, cursor)
            for handler, cursor in cursors.items()
            if plugin_of(handler) == self._plugin
            and isinstance(subscription := handlers[handler].handler.subscription, MessageSubscription)
        ]

    async def _look_into_holes(self, place: ReadingPlace) -> None:
        """Messages of lower numbers may come after those of higher ones (Q27)."""
        read_at, seqs = self._reader.clock(), {hole.seq for hole in place.holes}
        between = await messages_between(self._reader.sdk, place.chat_id, min(seqs) - 1, max(seqs))
        found = [message for message in between if message["seq"] in seqs]
        seen = {message["seq"] for message in found}
        await self._set_aside(place, found)
        place.note_holes_read(seen, read_at=read_at, grace=self._reader.hole_grace)

    async def _look(self, place: ReadingPlace) -> None:
        """Go on until something is found that is to be handed out, or the chat ends."""
        if place.pass_over_theirs():
            return
        reader = self._reader
        newest = await reader.sdk.messages.list(place.chat_id, limit=PAGE_MESSAGES)
        reader.evidence.done(Operation.READ, place.chat_id, reader.clock())
        top, span = newest[-1]["seq"] if newest else 0, PAGE_MESSAGES
        while place.read_seq < top and not place.ahead:
            after_seq, read_at, through_seq = place.read_seq, reader.clock(), top
            if newest[0]["seq"] > after_seq + 1:
                through_seq = min(after_seq + span, top)
                page = await messages_between(reader.sdk, place.chat_id, after_seq, through_seq)
            else:
                page = [message for message in newest if message["seq"] > after_seq]
            await self._set_aside(place, page)
            place.note_read(page, through_seq, read_at=read_at, grace=reader.hole_grace)
            # Numbers may be far apart.
            span = PAGE_MESSAGES if page else 2 * span

    async def _set_aside(self, place: ReadingPlace, read: Sequence[resources.Message]) -> None:
        """What of it is to be handed out; whoever of the agent's handlers was not told of it is told now."""
        reader = self._reader
        # An answer is its handler's, and nobody else's.
        after_seq = read[0]["seq"] - 1 if read else 0
        taken = await reader.questions.taken(place.chat_id, read, after_seq=after_seq)
        news = [message for message in read if message["seq"] not in taken and self._is_of_interest(message)]
        if not news:
            return
        room = await reader.roster.room(place.chat_id, {message["sender_id"] for message in news})
        messages = [
            message_from_api(each, me=reader.me, sender_type=room.type_of(each["sender_id"])) for each in news
        ]
        await self._tell(place, [message for message in messages if message.sender.id != reader.me])
        place.set_aside(messages, room.chat_type)

    def _is_of_interest(self, message: resources.Message) -> bool:
        me = self._reader.me
        return concerns(message, me) or (self._with_own and message["sender_id"] == me)

    async def _tell(self, place: ReadingPlace, foreign: Iterable[Message]) -> None:
        newest_seq = MessageSeq(max((message.seq for message in foreign), default=0))
        untold = Audience(cursors=place.cursors).untold(newest_seq)
        if untold:
            await self._reader.listeners.tell(place.chat_id, untold, newest_seq)
            self._reader.wake()
