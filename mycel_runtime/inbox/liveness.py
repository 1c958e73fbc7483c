"""
Whether the stream tells what it should. Pure.

A subscription can stand, answer pings, and be deaf (Q10, Q11, Q12). Silence proves nothing; what proves it is a frame
that is owed. The server announces a chat when it processes a wake, and only if the chat holds something unread then.
So a frame is owed for a message if it ought to have woken us and was still unread when its wake was processed, which
is within the grace time of its sending. Then it stays owed, whatever becomes of the message (read, answered, by us or
elsewhere), until

- a frame names the chat with this message or a later one,
- any frame that the server has sent after the message arrives: the subscription hears, one wake got lost, or
- the connection is replaced.

What a look finds unread has been unread for an unknown while. It has been long enough if the server's clock, as far
as we know it, says so; or if a look finds it still unread a grace time later. Therefore a look does not hand out
such a message at once (`is_held`): nobody of ours reads it before its frame is due, and so the answer that comes at
once hides no deafness, and the answer that comes before a slow wake is no alarm. On a stream that hears the frame
comes meanwhile, and with it the work. What somebody else has read before its frame was due proves nothing.

Each is an alarm once: what the next connection does not announce either is nobody's deafness. And a chat whose alarms
go on though the connection was replaced is perhaps muted, or its speaker blocked, which no answer of the server shows
(Q33, Q51): its alarms become rare until a frame tells something new of it, and its messages are not held.

Source: contract 4.7 (who is woken), 6.5 step 6.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.backoff import exponential
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mycel_runtime.wire.ids import ChatId, UserId
    from mycel_runtime.wire.resources import Message

_WAKING_TYPES: Final = frozenset({"human", "ai"})

_FIRST_PAUSE_SECONDS: Final = 60.0
_LONGEST_PAUSE_SECONDS: Final = 3600.0


_ALARMS_AT_ONCE: Final = 2
"""The successor of a deaf connection may be deafened too (Q11)."""


class _Alarms(NamedTuple):
    """How often a chat has raised an alarm since a frame told something new of it, and when the last time."""

    times: int
    last_at: float

    def are_believed(self, now: float) -> bool:
        """Whether the next one may count; beyond the first two, after a pause that doubles each time."""
        if self.times < _ALARMS_AT_ONCE:
            return True
        attempt = self.times - _ALARMS_AT_ONCE + 1
        pause = exponential(attempt, base=_FIRST_PAUSE_SECONDS, cap=_LONGEST_PAUSE_SECONDS)
        return not 0 <= now - self.last_at < pause


class _Unannounced(NamedTuple):
    """
    Messages of a chat that a look has found and no frame has told of.

    Attributes:
        newest_seq: Of those that ought to have woken us.
        sent_at: When the newest was sent, by the server's clock; `None` if it does not say.
        since: When a look first found one of them.
        is_owed: One of them was unread for so long that its wake found it unread.
    """

    newest_seq: MessageSeq
    sent_at: float | None
    since: float
    is_owed: bool


@dataclass(slots=True)
class StreamLiveness:
    """
    What the stream has announced, and what looks have found beyond that.

    Args:
        grace: Seconds that a frame may take, from the sending of its message.

    Attributes:
        heard_at: Epoch seconds of the last proof that the stream tells: a frame, or a look that found nothing
            unannounced; `None` before the first.
    """

    grace: float
    heard_at: float | None = None
    _unannounced: dict[ChatId, _Unannounced] = field(default_factory=dict)
    _announced: dict[ChatId, int] = field(default_factory=dict)
    _alarms: dict[ChatId, _Alarms] = field(default_factory=dict)
    _told_blindly: set[ChatId] = field(default_factory=set)

    @property
    def unannounced_chats(self) -> frozenset[ChatId]:
        """Those for which a frame is owed or may be."""
        return frozenset(self._unannounced)

    def announce(self, chat_id: ChatId, seq: MessageSeq | None, *, now: float) -> None:
        """
        A frame of the stream named this chat, with its newest message's seq.

        Without one, as from early servers, whatever the next look finds there has been told of.
        """
        self.heard_at = now
        if seq is None:
            self._told_blindly.add(chat_id)
        elif seq > self._announced.get(chat_id, 0):
            self._announced[chat_id] = seq
            self._alarms.pop(chat_id, None)
        found = self._unannounced.get(chat_id)
        if found is not None and (seq is None or seq >= found.newest_seq):
            del self._unannounced[chat_id]

    def hear(self, sent_at: float) -> None:
        """
        A frame of the stream was sent then, by the server's clock: it has told of everything older, or could have.

        A replay proves nothing of this connection (Q14); it is older than whatever is found unannounced on it.
        """
        for chat_id, found in tuple(self._unannounced.items()):
            if found.sent_at is not None and found.sent_at < sent_at:
                del self._unannounced[chat_id]
                self._told(chat_id, found.newest_seq)

    def begin(self, unread: Iterable[tuple[ChatId, MessageSeq | None]]) -> None:
        """What is unread when a connection begins is known; no frame need tell it again (Q5)."""
        for chat_id, seq in unread:
            self._told(chat_id, seq)
        self._unannounced.clear()

    def unannounced(self, unread: Iterable[tuple[ChatId, MessageSeq | None]]) -> list[ChatId]:
        """
        The unread chats whose newest message no frame has told of; a candidate is no proof yet.

        A chat whose list gives no seq (generation A) is one each time: its messages tell.
        """
        unread = list(unread)
        for chat_id, seq in unread:
            if seq is not None and chat_id in self._told_blindly:
                self._told(chat_id, seq)
        return [chat_id for chat_id, seq in unread if seq is None or seq > self._announced.get(chat_id, 0)]

    def find(
        self,
        chat_id: ChatId,
        unread: Sequence[Message],
        *,
        me: UserId,
        now: float,
        server_now: float | None,
    ) -> None:
        """
        A look has found this in a candidate: is a frame owed for one of its messages?

        Args:
            chat_id: The candidate.
            unread: Its unread messages, oldest first.
            me: The identity.
            now: Epoch seconds.
            server_now: The server's clock shows at least this; `None` if nothing is known of it.
        """
        told = self._announced.get(chat_id, 0)
        waking = [message for message in unread if message["seq"] > told and wakes(message, me)]
        before = self._unannounced.get(chat_id)
        if not waking or chat_id in self._told_blindly or not self._is_believed(chat_id, now):
            if before is None:
                self._told(chat_id, MessageSeq(max([told, *(message["seq"] for message in unread)])))
        elif before is None or not before.is_owed:
            self._unannounced[chat_id] = self._found(waking, before, now, server_now)

    def is_held(self, chat_id: ChatId, now: float) -> bool:
        """Whether what was found there must stay unread for now, because its frame may still be on its way."""
        found = self._unannounced.get(chat_id)
        return found is not None and not found.is_owed and 0 <= now - found.since < self.grace

    def looked(self, candidates: Iterable[ChatId], *, now: float) -> int:
        """
        Conclude a look at the server.

        Args:
            candidates: What is unread and unannounced now.
            now: Epoch seconds.

        Returns:
            How many chats show that the stream is deaf. They are used up.
        """
        if not self._unannounced:
            self.heard_at = now
        still, deaf = set(candidates), 0
        for chat_id, found in tuple(self._unannounced.items()):
            if 0 <= now - found.since < self.grace:
                continue
            if found.is_owed:
                self._alarm(chat_id, found, now)
                deaf += 1
            elif chat_id not in still:
                del self._unannounced[chat_id]  # read before anybody can have missed its frame
        return deaf

    def _found(
        self, waking: Sequence[Message], before: _Unannounced | None, now: float, server_now: float | None
    ) -> _Unannounced:
        """As found now; `since` an earlier look, if one of the messages that it found is still unread."""
        oldest, newest = waking[0], waking[-1]
        is_still = before is not None and oldest["seq"] <= before.newest_seq
        since = before.since if before is not None and is_still else now
        sent_at = _seconds(oldest.get("created_at"))
        is_old = server_now is not None and sent_at is not None and server_now - sent_at >= self.grace
        return _Unannounced(
            newest_seq=MessageSeq(newest["seq"]),
            sent_at=_seconds(newest.get("created_at")),
            since=since,
            is_owed=is_old or not 0 <= now - since < self.grace,
        )

    def _alarm(self, chat_id: ChatId, found: _Unannounced, now: float) -> None:
        before = self._alarms.get(chat_id)
        self._alarms[chat_id] = _Alarms(before.times + 1 if before else 1, now)
        self._told(chat_id, found.newest_seq)
        del self._unannounced[chat_id]

    def _told(self, chat_id: ChatId, seq: MessageSeq | None) -> None:
        """No frame need tell of this one; without a seq, of whatever the next look finds there."""
        if seq is None:
            self._told_blindly.add(chat_id)
            return
        self._told_blindly.discard(chat_id)
        self._announced[chat_id] = max(seq, self._announced.get(chat_id, 0))

    def _is_believed(self, chat_id: ChatId, now: float) -> bool:
        """What is unannounced already stays so."""
        alarms = self._alarms.get(chat_id)
        return chat_id in self._unannounced or alarms is None or alarms.are_believed(now)


def wakes(message: Message, me: UserId) -> bool:
    """
    Whether the server should have woken `me` for an unread message.

    A mention silences everybody who is not mentioned (Q32); the platform's notifications wake only whom they name.
    """
    targets = message.get("addressed_to_user_ids") or message["mentioned_ids"]
    if targets:
        return me in targets
    return message["message_type"] in _WAKING_TYPES


def _seconds(value: object) -> float | None:
    """A time of the server's, if it is one."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
