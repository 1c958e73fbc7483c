"""
What the server says is there for us.

A notification is a hint that may get lost in many ways (Q5, Q6, Q14, Q32); the lists are the truth. So they are
asked at every connect, when the tracker asks for it, and on a timer. The queue is drained too, after the resume
has been sent and never before: what waits in it would wait for an unrelated wake.

The comparison is the deafness detector as well: something unread that no frame has announced within the grace time
makes its work due at once, then replaces the connection.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import ApiError, AuthenticationError, NotSentError, TransportError
from mycel_runtime.inbox.guarded_queries import ODD_ANSWER, GuardedQueries
from mycel_runtime.inbox.list_diff import is_name
from mycel_runtime.inbox.list_reader import ListReader
from mycel_runtime.inbox.poll_interval import PollInterval
from mycel_runtime.inbox.sequence import Received
from mycel_runtime.observe.facts import ChatListPoisoned, DeafnessDetected, ReconcileFinished
from mycel_runtime.wire.codec import decode_item
from mycel_runtime.wire.ids import ChatId, MessageSeq
from mycel_runtime.wire.limits import LARGEST_SEQ

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mycel_runtime.inbox.intake import Intake
    from mycel_runtime.inbox.liveness import StreamLiveness
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

_SERVER_ERROR: Final = 500

_ANSWER_LOST: Final = frozenset({0, 502, 504})
"""No answer, or a proxy's in the place of it."""


@dataclass(frozen=True, slots=True)
class _Chats:
    """What is unread; `rows` is the chat list, `None` if each known chat was asked by itself."""

    rows: list[ChatSummary] | None
    unread: list[Unread]


class Reconciler:
    """
    Compares what the server holds with what we know, and makes the difference due.

    Args:
        sdk: As the identity.
        me: The identity.
        intake: Where drained items and unread chats go.
        liveness: What the stream has announced.
        settings: `[inbox]`.
        observer: Told of the outcome.
        server: For error texts.
        clock: Epoch seconds.

    Attributes:
        succeeded_at: Epoch seconds of the last reconcile that was answered; `None` before the first.
        replace_connection, connection: The listener's; the number of the subscription that stands. While none does,
            the looks carry the service.
    """

    def __init__(
        self,
        *,
        sdk: AsyncClient,
        me: UserId,
        intake: Intake,
        liveness: StreamLiveness,
        settings: InboxSettings,
        observer: Observer,
        server: str,
        clock: Callable[[], float],
    ) -> None:
        self._sdk = sdk
        self._me = me
        self._intake = intake
        self._liveness = liveness
        self._observer = observer
        self._clock = clock
        self._queries = GuardedQueries(sdk=sdk, observer=observer, server=server)
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
        self.succeeded_at: float | None = None
        self.replace_connection: Callable[[str], None] = lambda _reason: None
        self.connection: Callable[[], int | None] = lambda: 0

    @property
    def tick_interval(self) -> float:
        """How often to call `tick`; seconds."""
        return self._poll_interval.shortest

    async def tick(self) -> None:
        """The timer rang: ask, if it is time to; as `run`."""
        if self._poll_interval.is_due(self._clock()):
            await self.run(INTERVAL)

    async def run(self, reason: str) -> None:
        """
        Ask once, and once more after the grace time if the stream is suspect.

        Raises:
            IdentityRefusedError: The token is refused.

        Cancelling: what was answered is committed or will be asked again.
        """
        async with self._lock:
            is_answered = await self._look(reason)
            now = self._clock()
            self._poll_interval.looked(now)
            is_suspect = reason != INTERVAL or self._liveness.unannounced_chats or self.connection() is None
            if is_suspect and is_answered:
                self._poll_interval.suspect(now)
        if self._liveness.unannounced_chats:
            await asyncio.sleep(self._grace)
            async with self._lock:
                await self._look_again(reason)

    async def _look(self, reason: str) -> bool:
        """Whether the server could be asked."""
        connection = self.connection()
        self._mind_gap()
        drained = await self._drain(reason) if self._must_drain(reason) else 0
        chats = await self._queries.ask(reason, self._chats)
        if chats is None:
            return False
        self._unread_before = len(chats.unread)
        await self._intake.hint(chats.unread)
        events = await self._lists.compare(reason, chats.rows)
        self.succeeded_at = self._clock()
        self._observer.tell(
            ReconcileFinished(reason=reason, drained=drained, unread_chats=len(chats.unread), events=events)
        )
        if connection is not None and connection == self.connection():
            await self._check_hearing(reason, connection, chats.unread)
        return True

    def _mind_gap(self) -> None:
        """Numbers that stay missing from one look to the next are in the ring, if anywhere (Q9): ask for it, once."""
        gap = self._intake.gap
        if gap is not None and gap == self._gap_before and gap != self._gap_minded:
            self._gap_minded = gap
            self.replace_connection("replaced to be replayed what is missing")
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

    async def _drain(self, reason: str) -> int:
        asked_at = self._intake.checkpoint
        messages = await self._queries.ask(reason, self._drained)
        if messages is None:
            self._looks_undrained = LOOKS_PER_DRAIN
            return 0
        self._looks_undrained, self._has_lost_drain = 0, False
        if messages:
            await self._intake.take(messages, drain_asked_at=asked_at)
        return len(messages)

    async def _drained(self) -> list[Received]:
        """A lost answer is in the ring (Q23), for a new connection; only one is made until a drain is answered."""
        try:
            items = (await self._sdk.notifications.drain())["notifications"]
        except ApiError as exc:
            may_be_lost = exc.status_code in _ANSWER_LOST and not isinstance(exc, NotSentError)
            if may_be_lost and not self._has_lost_drain:
                self._has_lost_drain = True
                self.replace_connection("replaced to be replayed a drain whose answer was lost")
            raise
        return [Received(frame=decode_item(item), raw=json.dumps(item)) for item in items]

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

    async def _check_hearing(self, reason: str, connection: int, unread: Sequence[Unread]) -> None:
        """
        Whether the stream is deaf.

        What is unread at the first look of a connection need not be announced; only later ones can tell.
        """
        if connection != self._begun:
            self._begun = connection
            self._liveness.begin(unread)
            return
        candidates = self._liveness.unannounced(unread)
        for chat_id in candidates:
            await self._queries.ask(reason, partial(self._suspect, chat_id))
        if self._liveness.looked(candidates, now=self._clock(), grace=self._grace):
            self._observer.tell(DeafnessDetected(chats=len(self._liveness.unannounced_chats)))
            self._liveness.begin(unread)
            self.replace_connection("something is unread that no frame has announced")

    async def _suspect(self, chat_id: ChatId) -> None:
        unread = await self._sdk.messages.unread(chat_id)
        self._liveness.suspect(chat_id, unread, me=self._me, now=self._clock())

    async def _look_again(self, reason: str) -> None:
        """At the chats only; a look that is not answered settles nothing."""
        connection = self.connection()
        chats = await self._queries.ask(reason, self._chats)
        if chats is None:
            return
        await self._intake.hint(chats.unread)
        if connection is not None and connection == self.connection():
            await self._check_hearing(reason, connection, chats.unread)


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
    last = chat["last_message"]
    return _seq(last.get("seq")) if last else None


def _seq(value: object) -> MessageSeq | None:
    """A number that can be one."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return MessageSeq(value) if 0 <= value <= LARGEST_SEQ else None
