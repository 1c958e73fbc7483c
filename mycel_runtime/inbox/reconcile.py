"""
What the server says is there for us.

A notification is a hint that may get lost in many ways (Q5, Q6, Q14, Q32); the lists are the truth. So they are
asked at every connect, when the tracker asks for it, and on a timer. The queue is drained too, after the resume
has been sent and never before: what waits in it would wait for an unrelated wake.

The comparison is the deafness detector as well. What is unread and no frame has announced may still be announced: it
is handed out when its frame comes, or a grace time later at the latest, and then the connection is to be replaced
(`liveness` tells why it must stay unread for so long). Everything else that is unread is due at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ApiError, AuthenticationError, NotSentError, TransportError
from mycel_runtime.inbox.guarded_queries import ODD_ANSWER, GuardedQueries
from mycel_runtime.inbox.list_diff import is_name
from mycel_runtime.inbox.list_reader import ListReader
from mycel_runtime.inbox.poll_interval import PollInterval
from mycel_runtime.inbox.sequence import Received
from mycel_runtime.inbox.server_clock import ServerClock
from mycel_runtime.observe.facts import ChatListPoisoned, DeafnessDetected, ReconcileFinished
from mycel_runtime.wire.codec import decode_item
from mycel_runtime.wire.ids import ChatId, MessageSeq
from mycel_runtime.wire.limits import LARGEST_SEQ

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from mycel_runtime.inbox.intake import Intake
    from mycel_runtime.inbox.liveness import StreamLiveness
    from mycel_runtime.inbox.sequence import Step
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import InboxSettings
    from mycel_runtime.wire.ids import InboxSeq, UserId
    from mycel_runtime.wire.resources import ChatSummary

Unread = tuple[ChatId, MessageSeq | None]

CONNECT: Final = "connect"
"""The reason of the reconcile at the beginning of a connection."""

INTERVAL: Final = "interval"
"""The reason of the timer's."""

LOOKS_PER_DRAIN: Final = 10
"""Of the timer, while something stays unread."""

LOOKS_AGAIN: Final = 3
"""After one look: in a lively chat each may find another message whose frame is still under way."""

_SERVER_ERROR: Final = 500

_NOT_DRAINED: Final = frozenset({429, 503})
"""Said instead of doing it."""


@dataclass(frozen=True, slots=True)
class _Chats:
    """What is unread; `rows` is the chat list, `None` if each known chat was asked by itself."""

    rows: list[ChatSummary] | None
    unread: list[Unread]


@dataclass(slots=True)
class _Look:
    """
    One look at the server.

    Attributes:
        reason: Why we look.
        connection: The number of the subscription that stood when it began.
        is_answered: The server could be asked.
        drained: Items that the drain gave.
        unread: What is to be handed out, each chat once: what was held, the drain's, the list's.
        replace: Why the connection should be replaced; empty: no need.
        replaced: The number of the one that is meant: a later one has been replayed what is missing.
    """

    reason: str
    connection: int | None
    is_answered: bool = False
    drained: int = 0
    unread: dict[ChatId, MessageSeq | None] = field(default_factory=dict)
    replace: str = ""
    replaced: int | None = None


class Reconciler:
    """
    Compares what the server holds with what we know, and makes the difference due.

    It looks only; the connection that it wants replaced is the listener's.

    Args:
        sdk: As the identity.
        me: The identity.
        intake: Where drained items and unread chats go.
        liveness: What the stream has announced.
        connection: The number of the subscription that stands. While none does, the looks carry the service.
        settings: `[inbox]`.
        observer: Told of the outcome.
        server: For error texts.
        clock: Epoch seconds.
        steady: Seconds of a clock that nobody sets.
        listed: Told each chat's newest seq, `None` where the server does not say, before any work is made due of it.
        is_limited: Whether the server limits the rate of requests: then no look is made before it must be.

    Attributes:
        succeeded_at: Epoch seconds of the last reconcile that was answered; `None` before the first.
    """

    def __init__(  # noqa: PLR0913 - whom a look asks and tells
        self,
        *,
        sdk: AsyncClient,
        me: UserId,
        intake: Intake,
        liveness: StreamLiveness,
        connection: Callable[[], int | None],
        settings: InboxSettings,
        observer: Observer,
        server: str,
        clock: Callable[[], float],
        steady: Callable[[], float] = time.monotonic,
        listed: Callable[[Sequence[Unread]], None] = lambda _chats: None,
        is_limited: Callable[[], bool] = lambda: False,
    ) -> None:
        self._sdk = sdk
        self._me = me
        self._intake = intake
        self._liveness = liveness
        self._server_clock = ServerClock()
        self._connection = connection
        self._observer = observer
        self._clock = clock
        self._steady = steady
        self._listed = listed
        self._is_limited = is_limited
        self._queries = GuardedQueries(
            sdk=sdk,
            observer=observer,
            server=server,
            connection=connection,
            asked=self._tell_call,
        )
        self._lists = ListReader(sdk=sdk, me=me, intake=intake, queries=self._queries)
        self._poll_interval = PollInterval(
            shortest=settings.suspect_interval, longest=settings.reconcile_interval
        )
        self._grace = settings.deaf_grace
        self._lock = asyncio.Lock()
        self._known: set[ChatId] = set()
        self._unread_before = 0
        self._looks_undrained = 0
        self._has_lost_drain = False
        self._gap_before: InboxSeq | None = None
        self._gap_minded: InboxSeq | None = None
        self._begun: int | None = None
        self._held: dict[ChatId, MessageSeq | None] = {}
        self._newest: dict[ChatId, MessageSeq] = {}
        self.succeeded_at: float | None = None
        self._call_made: Callable[[bool, int | None], None] = lambda _is_reached, _connection: None

    @property
    def tick_interval(self) -> float:
        """How often to call `tick`; seconds."""
        return self._poll_interval.shortest

    async def tick(self) -> str:
        """The timer rang: ask, if it is time to; as `run`."""
        is_due = self._poll_interval.is_due(
            self._clock(), is_hurried=not self._is_limited() or self._connection() is None
        )
        return await self.run(INTERVAL) if is_due else ""

    async def run(self, reason: str) -> str:
        """
        Ask once, and once more after the grace time if the stream is suspect.

        Returns:
            Why the connection should be replaced; empty: no need.

        Raises:
            IdentityRefusedError: The token is refused.

        Cancelling: what was answered is committed or will be asked again.
        """
        async with self._lock:
            look = _Look(reason, self._connection(), unread=dict(self._held))
            await self._look(look)
            self._set_pace(look)
        for _ in range(LOOKS_AGAIN):
            if look.replace or not self._liveness.unannounced_chats:
                break
            await asyncio.sleep(self._grace)
            async with self._lock:
                look = _Look(reason, self._connection(), unread=dict(self._held))
                await self._look_at_chats(look)
        if look.replace or not self._liveness.unannounced_chats:
            await self._hand_out(self._held, but=())
        return look.replace if look.replaced == self._connection() else ""

    def tell_calls(self, call_made: Callable[[bool, int | None], None]) -> None:
        """From now on, tell of each question whether it has reached the backend, and what stood when it began."""
        self._call_made = call_made

    def suspect(self) -> None:
        """There is reason to look often for a while, the first time when the timer rings next."""
        self._poll_interval.suspect(self._clock())

    def hear(self, step: Step) -> None:
        """The stream has told this: what it names is announced, and whatever it names proves that it hears."""
        now = self._clock()
        for chat_id, seq in step.announced.items():
            self._liveness.announce(chat_id, seq, now=now)
        stamps = [heard.entry.ts for heard in step.heard if heard.entry.ts is not None]
        if stamps:
            self._liveness.hear(max(stamps))
            self._server_clock.note(max(stamps), now=self._steady())

    def _tell_call(self, is_reached: bool, connection: int | None) -> None:  # noqa: FBT001 - as `tell_calls`
        self._call_made(is_reached, connection)

    def _set_pace(self, look: _Look) -> None:
        now = self._clock()
        self._poll_interval.looked(now)
        is_suspect = look.reason != INTERVAL or look.connection is None or self._liveness.unannounced_chats
        if is_suspect and look.is_answered:
            self._poll_interval.suspect(now)

    async def _look(self, look: _Look) -> None:
        """Drain, list, compare."""
        self._mind_gap(look)
        if self._must_drain(look.reason):
            await self._drain(look)
        chats = await self._look_at_chats(look)
        if chats is None:
            return
        self._unread_before = len(chats.unread)
        await self._hand_out_read(chats)
        events = await self._lists.compare(look.reason, chats.rows)
        self.succeeded_at = self._clock()
        look.is_answered = True
        self._observer.tell(
            ReconcileFinished(
                reason=look.reason, drained=look.drained, unread_chats=len(chats.unread), events=events
            )
        )

    async def _look_at_chats(self, look: _Look) -> _Chats | None:
        """
        Make due what is unread, but for what must stay unread a little longer; and tell whether the stream is deaf.

        Returns:
            `None` if the server could not be asked; that settles nothing, and nothing stays held.
        """
        chats = await self._queries.ask(look.reason, self._chats)
        if chats is None:
            await self._hand_out(look.unread, but=())
            return None
        if chats.rows is not None:
            self._listed([(_chat_id(chat), _newest_seq(chat)) for chat in chats.rows])
        unread = look.unread | dict(chats.unread)
        candidates = self._candidates(look, chats.unread)
        await self._hand_out(unread, but=candidates)
        for chat_id in candidates:
            await self._queries.ask(look.reason, partial(self._find, chat_id))
        now = self._clock()
        found = {chat_id: unread[chat_id] for chat_id in candidates}
        await self._hand_out(found, but=[each for each in found if self._liveness.is_held(each, now)])
        if self._is_of_one_connection(look) and (deaf := self._liveness.looked(candidates, now=now)):
            self._observer.tell(DeafnessDetected(chats=deaf))
            self._liveness.begin(chats.unread)
            self._wish(look, "something is unread that no frame has announced")
        return chats

    async def _hand_out(self, unread: Mapping[ChatId, MessageSeq | None], *, but: Collection[ChatId]) -> None:
        """Make chats due, but for these."""
        self._held = {chat_id: seq for chat_id, seq in unread.items() if chat_id in but}
        await self._intake.hint([each for each in unread.items() if each[0] not in but])

    def _mind_gap(self, look: _Look) -> None:
        """Numbers that stay missing from one look to the next are in the ring, if anywhere (Q9): ask for it, once."""
        gap = self._intake.gap
        if gap is not None and gap == self._gap_before and gap != self._gap_minded:
            self._gap_minded = gap
            self._wish(look, "replaced to be replayed what is missing")
        self._gap_before = gap

    def _must_drain(self, reason: str) -> bool:
        """
        Each drain announces every unread chat again (Q7), and each of them would be an entry of the journal.

        So while something stays unread the timer's drains are rare; what waits in the queue behind a lost wake comes
        with them, with the next wake, or with the next connect.
        """
        self._looks_undrained += 1
        is_free = reason != INTERVAL or self._unread_before == 0
        return is_free or self._looks_undrained >= LOOKS_PER_DRAIN

    async def _drain(self, look: _Look) -> None:
        """What its items say of chats is handed out with what the list says, which is asked for next."""
        asked_at = self._intake.checkpoint
        messages = await self._queries.ask(look.reason, partial(self._drained, look))
        if messages is None:
            self._looks_undrained = LOOKS_PER_DRAIN
            return
        self._looks_undrained, self._has_lost_drain = 0, False
        look.drained = len(messages)
        if messages:
            look.unread |= await self._intake.take_drained(messages, asked_at=asked_at)

    async def _drained(self, look: _Look) -> list[Received]:
        """A lost answer is in the ring (Q23), for a new connection; only one is made until a drain is answered."""
        try:
            items = (await self._sdk.notifications.drain())["notifications"]
            return [Received(frame=decode_item(item), raw=json.dumps(item)) for item in items]
        except (ApiError, *ODD_ANSWER) as exc:
            if _may_be_drained(exc) and not self._has_lost_drain:
                self._has_lost_drain = True
                self._wish(look, "replaced to be replayed a drain whose answer was lost")
            raise

    async def _chats(self) -> _Chats:
        """From one list, or, if that is poisoned (Q20) or cannot be read, each known chat by itself."""
        try:
            rows = await self._sdk.chats.list()
            chats, ids = _Chats(rows, unread_chats(rows)), {_chat_id(chat) for chat in rows}
        except (ApiError, *ODD_ANSWER) as exc:
            if isinstance(exc, ApiError) and exc.status_code != _SERVER_ERROR:
                raise
            return _Chats(None, await self._unread_one_by_one(exc))
        self._known |= ids
        return chats

    async def _unread_one_by_one(self, error: Exception) -> list[Unread]:
        """One broken chat blinds the whole list: the others are still there. If none is, `error` stands."""
        known = self._known or await self._intake.known_chats()
        unread: list[Unread] = []
        answers = 0
        for chat_id in sorted(known):
            try:
                unread += await self._unread_in(chat_id)
            except (TransportError, AuthenticationError):
                raise
            except (ApiError, *ODD_ANSWER):
                continue
            answers += 1
        if not answers:
            raise error
        self._observer.tell(ChatListPoisoned(known_chats=len(known)))
        return unread

    async def _unread_in(self, chat_id: ChatId) -> list[Unread]:
        messages = await self._sdk.messages.unread(chat_id)
        return [(chat_id, _seq(messages[-1]["seq"]))] if messages else []

    async def _hand_out_read(self, chats: _Chats) -> None:
        """Make due what somebody else of this identity has read before we heard of it."""
        newest = {_chat_id(row): seq for row in chats.rows or () if (seq := _newest_seq(row)) is not None}
        moved = {chat_id: seq for chat_id, seq in newest.items() if seq > self._newest.get(chat_id, -1)}
        if read := {chat_id: moved[chat_id] for chat_id in moved.keys() - dict(chats.unread).keys()}:
            await self._intake.hint_read(read, before=self._newest)
        self._newest |= moved

    def _candidates(self, look: _Look, unread: Sequence[Unread]) -> list[ChatId]:
        """What is unread at the first look of a connection need not be announced; only later ones can tell."""
        if not self._is_of_one_connection(look):
            return []
        if look.connection != self._begun:
            self._begun = look.connection
            self._server_clock.forget()
            self._liveness.begin(unread)
            return []
        return self._liveness.unannounced(unread)

    def _wish(self, look: _Look, reason: str) -> None:
        look.replace, look.replaced = reason, self._connection()

    def _is_of_one_connection(self, look: _Look) -> bool:
        return not look.replace and look.connection is not None and look.connection == self._connection()

    async def _find(self, chat_id: ChatId) -> None:
        unread = await self._sdk.messages.unread(chat_id)
        self._liveness.find(
            chat_id,
            unread,
            me=self._me,
            now=self._clock(),
            server_now=self._server_clock.earliest(self._steady()),
        )


def _may_be_drained(error: Exception) -> bool:
    """Whether the queue may be empty now: there was no answer, or another one in the place of the backend's."""
    if not isinstance(error, ApiError):
        return True
    is_undone = isinstance(error, NotSentError) or error.status_code in _NOT_DRAINED
    return not is_undone and not error.is_backends_own


def unread_chats(chats: Sequence[ChatSummary]) -> list[Unread]:
    """
    Chats that hold something unread, with the seq of their newest message.

    Generation A gives no seq: then nobody knows how far to look, and the chat is looked at once more.
    """
    return [(_chat_id(chat), _newest_seq(chat)) for chat in chats if chat["unread_count"] > 0]


def _chat_id(chat: ChatSummary) -> ChatId:
    if not is_name(chat["id"]):
        raise ValueError("a chat without its id")
    return ChatId(chat["id"])


def _newest_seq(chat: ChatSummary) -> MessageSeq | None:
    """`None` also where the answer is not what the contract says: one odd row of a read chat blinds no look."""
    last: object = chat.get("last_message")
    return _seq(last.get("seq")) if isinstance(last, dict) else None


def _seq(value: object) -> MessageSeq | None:
    """A number that can be one."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return MessageSeq(value) if 0 <= value <= LARGEST_SEQ else None
