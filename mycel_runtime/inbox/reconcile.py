"""
What the server says is there for us.

A notification is a hint that may get lost in many ways (Q5, Q6, Q14, Q32); the lists are the truth. So they are
asked at every connect, when the session asks for it, and on a timer. The queue is drained too, after the resume
has been sent and never before: what waits in it would wait for an unrelated wake.

The comparison is the deafness detector as well: something unread that no frame has announced within the grace time
makes its work due at once, then replaces the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Final, TypeVar

from mycel_runtime.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    IdentityRefusedError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    TransportError,
)
from mycel_runtime.inbox.news import (
    CHAT,
    RELATIONSHIP,
    chat_lines,
    join_request_lines,
    relationship_lines,
    workflow_event_lines,
)
from mycel_runtime.inbox.pace import Pace
from mycel_runtime.inbox.session import Received
from mycel_runtime.observe.facts import (
    ChatListPoisoned,
    DeafnessDetected,
    ReconcileFailed,
    ReconcileFinished,
)
from mycel_runtime.wire.codec import decode_item
from mycel_runtime.wire.ids import ChatId, MessageSeq

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mycel_runtime.inbox.hearing import Hearing
    from mycel_runtime.inbox.intake import Intake
    from mycel_runtime.inbox.news import Line
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import AsyncClient
    from mycel_runtime.settings import InboxSettings
    from mycel_runtime.wire.ids import UserId
    from mycel_runtime.wire.resources import ChatSummary

T = TypeVar("T")

Unread = tuple[ChatId, MessageSeq | None]

CONNECT: Final = "connect"
"""The reason of the reconcile at the beginning of a connection."""

INTERVAL: Final = "interval"
"""The reason of the timer's."""

LOOKS_PER_DRAIN: Final = 10
"""Of the timer, while something stays unread."""

_FRAMES_MISSING: Final = frozenset({"gap", "overflow", "epoch"})
"""Why the session asks for a reconcile."""

_SERVER_ERROR: Final = 500

_LONGEST_DETAIL: Final = 200


class Reconciler:
    """
    Compares what the server holds with what we know, and makes the difference due.

    Args:
        sdk: As the identity.
        me: The identity.
        intake: Where drained items and unread chats go.
        hearing: What the stream has announced.
        settings: `[inbox]`.
        observer: Told of the outcome.
        server: For error texts.
        clock: Epoch seconds.

    Attributes:
        succeeded_at: Epoch seconds of the last reconcile that was answered; `None` before the first.
        replace_connection, is_connected: The listener's; while no stream stands, the looks carry the service.
    """

    def __init__(
        self,
        *,
        sdk: AsyncClient,
        me: UserId,
        intake: Intake,
        hearing: Hearing,
        settings: InboxSettings,
        observer: Observer,
        server: str,
        clock: Callable[[], float],
    ) -> None:
        self._sdk = sdk
        self._me = me
        self._intake = intake
        self._hearing = hearing
        self._settings = settings
        self._observer = observer
        self._server = server
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: set[ChatId] = set()
        self._chats: list[ChatSummary] | None = None
        self._owned: dict[str, bool] = {}
        self._has_looked = False
        self._unread_before = 0
        self._looks_undrained = 0
        self.succeeded_at: float | None = None
        self._pace = Pace(shortest=settings.doubt_interval, longest=settings.reconcile_interval)
        self.replace_connection: Callable[[str], None] = lambda _reason: None
        self.is_connected: Callable[[], bool] = lambda: True

    @property
    def tick_interval(self) -> float:
        """How often to call `tick`; seconds."""
        return self._pace.shortest

    async def tick(self) -> None:
        """The timer rang: ask, if it is time to; as `run`."""
        if self._pace.is_due(self._clock()):
            await self.run(INTERVAL)

    async def run(self, reason: str) -> None:
        """
        Ask once; the two questions fail each on its own, because one broken chat makes both a 500 (Q20).

        Raises:
            IdentityRefusedError: The token is refused.

        Cancelling: what was answered is committed or will be asked again.
        """
        async with self._lock:
            is_answered = await self._look(reason)
            now = self._clock()
            self._pace.looked(now)
            in_doubt = reason != INTERVAL or self._hearing.doubts or not self.is_connected()
            if in_doubt and is_answered:
                self._pace.doubt(now)

    async def _look(self, reason: str) -> bool:
        """Whether the server could be asked."""
        drained = await self._ask(reason, self._drain) if self._must_drain(reason) else 0
        unread = await self._ask(reason, self._unread_chats)
        if unread is None:
            return False
        self._unread_before = len(unread)
        await self._intake.hint(unread)
        events = await self._ask(reason, lambda: self._compare_lists(reason))
        self.succeeded_at = self._clock()
        self._observer.tell(
            ReconcileFinished(
                reason=reason, drained=drained or 0, unread_chats=len(unread), events=events or 0
            )
        )
        if reason == CONNECT:
            self._hearing.begin(unread)
        elif self.is_connected():
            await self._check_hearing(reason, unread)
        return True

    async def _ask(self, reason: str, question: Callable[[], Awaitable[T]]) -> T | None:
        try:
            return await question()
        except AuthenticationError as exc:
            raise IdentityRefusedError(self._server, exc.detail) from exc
        except ApiError as exc:
            self._observer.tell(ReconcileFailed(reason=reason, error=_named(exc)))
            return None

    def _must_drain(self, reason: str) -> bool:
        """
        Each drain announces every unread chat again (Q7), and each of them would be an entry of the journal.

        So while something stays unread the timer's drains are rare; what waits in the queue behind a lost wake comes
        with them, with the next wake, or with the next connect.
        """
        self._looks_undrained = 0 if reason != INTERVAL else self._looks_undrained + 1
        if self._unread_before == 0 or self._looks_undrained >= LOOKS_PER_DRAIN:
            self._looks_undrained = 0
        return self._looks_undrained == 0

    async def _drain(self) -> int:
        asked_at = self._intake.checkpoint
        items = (await self._sdk.notifications.drain())["notifications"]
        if items:
            messages = [Received(frame=decode_item(item), raw=json.dumps(item)) for item in items]
            await self._intake.take(messages, drain_asked_at=asked_at)
        return len(items)

    async def _unread_chats(self) -> list[Unread]:
        """The chats that hold something unread; from one list, or, if that is poisoned, each chat by itself."""
        try:
            chats = await self._sdk.chats.list()
        except ApiError as exc:
            if exc.status_code != _SERVER_ERROR:
                raise
            return await self._unread_one_by_one()
        self._chats = chats
        self._known.update(ChatId(chat["id"]) for chat in chats)
        return unread_chats(chats)

    async def _compare_lists(self, reason: str) -> int:
        """
        Whatever changed without a notification (Q36) becomes an event of its own; how many.

        Relationships are asked each time, requests to join for groups of one's own only; workflow events, one call a
        chat, only when a notification of them may have been lost: at the start, and when frames are missing.
        """
        chats, self._chats = self._chats, None
        with_workflow = reason in _FRAMES_MISSING or not self._has_looked
        lines, complete = await self._relationships(reason)
        if chats is None:
            return await self._intake.compare(lines, asked=complete, complete=complete)
        lines += chat_lines(chats)
        for chat in chats:
            lines += await self._chat_lines(chat["id"], with_workflow=with_workflow)
        complete |= {CHAT}
        asked = complete | {"join_request"} | ({"workflow_event"} if with_workflow else set())
        events = await self._intake.compare(lines, asked=asked, complete=complete)
        self._has_looked = True
        return events

    async def _relationships(self, reason: str) -> tuple[list[Line], frozenset[str]]:
        """Their lines, and that they are all; an odd id among them can break the whole list (contract 1.6)."""
        relationships = await self._ask(reason, self._sdk.relationships.list)
        if relationships is None:
            return [], frozenset()
        return relationship_lines(relationships), frozenset({RELATIONSHIP})

    async def _chat_lines(self, chat_id: str, *, with_workflow: bool) -> list[Line]:
        """What one chat has to tell; nothing from a chat or a backend that cannot answer (Q20, Q52)."""
        lines: list[Line] = []
        with contextlib.suppress(PermissionDeniedError, NotFoundError, ConflictError, ServerError):
            if await self._is_owned(chat_id):
                lines += join_request_lines(await self._sdk.chats.list_join_requests(chat_id))
            if with_workflow:
                lines += workflow_event_lines(await self._sdk.chats.list_workflow_events(chat_id))
        return lines

    async def _is_owned(self, chat_id: str) -> bool:
        """Whether the chat is a group of our own; that never changes (contract 4.9), so it is asked once."""
        if chat_id not in self._owned:
            chat = await self._sdk.chats.get(chat_id)
            self._owned[chat_id] = chat["type"] == "group" and chat["created_by_user_id"] == self._me
        return self._owned[chat_id]

    async def _unread_one_by_one(self) -> list[Unread]:
        """One broken chat blinds the whole list (Q20): the others are still there."""
        known = self._known or await self._intake.known_chats()
        self._observer.tell(ChatListPoisoned(known_chats=len(known)))
        unread: list[Unread] = []
        for chat_id in sorted(known):
            try:
                messages = await self._sdk.messages.unread(chat_id)
            except (TransportError, AuthenticationError):
                raise
            except ApiError:
                continue
            if messages:
                unread.append((chat_id, MessageSeq(messages[-1]["seq"])))
        return unread

    async def _check_hearing(self, reason: str, unread: Sequence[Unread]) -> None:
        """Whether the stream is deaf; a doubt is given the grace time and looked at once more."""
        candidates = await self._doubted(self._hearing.unannounced(unread))
        if self._hearing.looked(candidates, now=self._clock(), grace=self._settings.deaf_grace):
            self._heal(unread)
        elif self._hearing.doubts:
            await asyncio.sleep(self._settings.deaf_grace)
            unread = await self._ask(reason, self._unread_chats) or []
            candidates = await self._doubted(self._hearing.unannounced(unread))
            if self._hearing.looked(candidates, now=self._clock(), grace=self._settings.deaf_grace):
                self._heal(unread)

    async def _doubted(self, candidates: Sequence[tuple[ChatId, MessageSeq]]) -> list[ChatId]:
        for chat_id, _ in candidates:
            try:
                unread = await self._sdk.messages.unread(chat_id)
            except ApiError:
                continue
            self._hearing.doubt(chat_id, unread, me=self._me, now=self._clock())
        return [chat_id for chat_id, _ in candidates]

    def _heal(self, unread: Sequence[Unread]) -> None:
        """Tell once, and replace: what is unread now is known, whatever the next connection announces."""
        self._observer.tell(DeafnessDetected(chats=len(self._hearing.doubts)))
        self._hearing.begin(unread)
        self.replace_connection("something is unread that no frame has announced")


def _named(error: ApiError) -> str:
    """For the operator; the text of a server's error names the chat that is broken (Q20)."""
    text = f": {error.detail[:_LONGEST_DETAIL]}" if isinstance(error, ServerError) else ""
    return f"{type(error).__name__} {error.status_code}{text}"


def unread_chats(chats: Sequence[ChatSummary]) -> list[Unread]:
    """
    Chats that hold something unread, with the seq of their newest message.

    Generation A gives no seq: then nobody knows how far to look, and the chat is looked at once more.
    """
    return [(ChatId(chat["id"]), _newest_seq(chat)) for chat in chats if chat["unread_count"] > 0]


def _newest_seq(chat: ChatSummary) -> MessageSeq | None:
    last = chat["last_message"]
    seq = last.get("seq") if last else None
    return None if seq is None else MessageSeq(seq)
