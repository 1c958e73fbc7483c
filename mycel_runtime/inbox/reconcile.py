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
import time
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Final

from mycel_runtime.inbox.chat_rows import chat_id_of, newest_seq
from mycel_runtime.inbox.guarded_queries import GuardedQueries
from mycel_runtime.inbox.list_reader import ListReader
from mycel_runtime.inbox.look_schedule import DICE, LookSchedule
from mycel_runtime.inbox.queue_drain import QueueDrain
from mycel_runtime.inbox.server_clock import ServerClock
from mycel_runtime.inbox.unread_list import UnreadList
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts import DeafnessDetected, ReconcileFinished

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from mycel_runtime.inbox.chat_rows import Unread
    from mycel_runtime.inbox.intake import Intake
    from mycel_runtime.inbox.liveness import StreamLiveness
    from mycel_runtime.inbox.sequence import Step
    from mycel_runtime.inbox.unread_list import UnreadChats
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import InboxSettings
    from mycel_runtime.wire.ids import ChatId, InboxSeq, MessageSeq, UserId

CONNECT: Final = "connect"
"""The reason of the reconcile at the beginning of a connection."""

INTERVAL: Final = "interval"
"""The reason of the timer's."""

SUSPICION: Final = "suspicion"
"""The reason of the timer's in between, while the stream is suspect: they ask for the chat list alone."""

LOOKS_AGAIN: Final = 3
"""After one look: in a lively chat each may find another message whose frame is still under way."""

_OF_TIMER: Final = frozenset({INTERVAL, SUSPICION})


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
        draw: As of `LookSchedule`.

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
        draw: Callable[[], float] = DICE.random,
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
        self._unread_list = UnreadList(sdk=sdk, intake=intake, observer=observer)
        self._queue = QueueDrain(sdk=sdk, intake=intake, queries=self._queries)
        self._schedule = LookSchedule(settings, is_hurried=self._is_hurried, steady=steady, draw=draw)
        self._grace = settings.deaf_grace
        self._lock = asyncio.Lock()
        self._unread_before = 0
        self._gap_before: InboxSeq | None = None
        self._gap_minded: InboxSeq | None = None
        self._begun: int | None = None
        self._is_owed = False
        self._held: dict[ChatId, MessageSeq | None] = {}
        self._newest: dict[ChatId, MessageSeq] = {}
        self.succeeded_at: float | None = None
        self._call_made: Callable[[bool, int | None], None] = lambda _is_reached, _connection: None

    @property
    def tick_interval(self) -> float:
        """Seconds between two of the timer's looks, at most, while the stream is suspect."""
        return self._schedule.shortest

    def now(self) -> float:
        """Epoch seconds, by the clock that its own times are told by."""
        return self._clock()

    async def wait_due(self) -> None:
        """As `LookSchedule.wait_due`."""
        await self._schedule.wait_due()

    async def tick(self) -> str:
        """Look, if it is time to; as `run`."""
        return "" if self._schedule.seconds_left > 0 else await self.run(self._due_reason())

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
        """There is reason to look often for a while."""
        self._schedule.suspect()

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

    def _due_reason(self) -> str:
        """While no stream stands the looks carry the service, and each is a whole one."""
        is_whole = self._connection() is None or self._is_owed or self._schedule.is_whole_due
        return INTERVAL if is_whole else SUSPICION

    def _is_hurried(self) -> bool:
        return not self._is_limited() or self._connection() is None

    def _set_pace(self, look: _Look) -> None:
        is_whole, is_timed = look.reason != SUSPICION, look.reason in _OF_TIMER
        if is_whole:
            self._is_owed = self._queue.is_owed or not look.is_answered
        self._schedule.looked(is_whole=is_whole, is_timed=is_timed)
        is_suspect = not is_timed or look.connection is None
        if look.is_answered and (is_suspect or self._liveness.unannounced_chats):
            self._schedule.suspect()

    async def _look(self, look: _Look) -> None:
        """Drain, list, compare."""
        self._mind_gap(look)
        if look.reason != SUSPICION:
            await self._drain_if_due(look)
        chats = await self._look_at_chats(look)
        if chats is None:
            return
        self._unread_before = len(chats.unread)
        await self._hand_out_read(chats)
        events = 0 if look.reason == SUSPICION else await self._lists.compare(look.reason, chats.rows)
        self.succeeded_at = self._clock()
        look.is_answered = True
        self._observer.tell(
            ReconcileFinished(
                reason=look.reason, drained=look.drained, unread_chats=len(chats.unread), events=events
            )
        )

    async def _drain_if_due(self, look: _Look) -> None:
        if self._queue.is_due(is_free=look.reason != INTERVAL or self._unread_before == 0):
            lost = partial(self._wish, look, "replaced to be replayed a drain whose answer was lost")
            drained = await self._queue.drain(look.reason, lost=lost)
            look.drained = drained.items
            look.unread |= drained.unread

    async def _look_at_chats(self, look: _Look) -> UnreadChats | None:
        """
        Make due what is unread, but for what must stay unread a little longer; and tell whether the stream is deaf.

        Returns:
            `None` if the server could not be asked; that settles nothing, and nothing stays held.
        """
        chats = await self._queries.ask(look.reason, self._unread_list.read)
        if chats is None:
            await self._hand_out(look.unread, but=())
            return None
        if chats.rows is not None:
            self._listed([(chat_id_of(chat), newest_seq(chat)) for chat in chats.rows])
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

    async def _hand_out_read(self, chats: UnreadChats) -> None:
        """Make due what somebody else of this identity has read before we heard of it."""
        newest = {chat_id_of(row): seq for row in chats.rows or () if (seq := newest_seq(row)) is not None}
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
