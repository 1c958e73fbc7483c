"""
Whether the stream tells what it should. Pure.

A subscription can stand, answer pings, and be deaf (Q10, Q11, Q12). Silence proves nothing; what proves it is
something unread on the server that ought to have woken us and that no frame has announced. Each is an alarm once:
what the next connection does not announce either is nobody's deafness. And a chat whose alarms go on though the
connection was replaced is perhaps muted, or its speaker blocked, which no answer of the server shows (Q33, Q51): its
alarms become rare until a frame tells something new of it.

Source: contract 4.7 (who is woken), 6.5 step 6.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from mycel_runtime.backoff import exponential
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


@dataclass(slots=True)
class StreamLiveness:
    """
    What the stream has announced, and what is unread beyond that.

    Attributes:
        heard_at: Epoch seconds of the last proof that the stream tells: a live frame, or a look that found nothing
            unannounced; `None` before the first.
        unannounced_chats: Unread and unannounced, since when; the work itself is due all the same.
    """

    heard_at: float | None = None
    unannounced_chats: dict[ChatId, float] = field(default_factory=dict)
    _announced: dict[ChatId, int] = field(default_factory=dict)
    _alarms: dict[ChatId, _Alarms] = field(default_factory=dict)
    _told_blindly: set[ChatId] = field(default_factory=set)

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
        self.unannounced_chats.pop(chat_id, None)

    def begin(self, unread: Iterable[tuple[ChatId, MessageSeq | None]]) -> None:
        """What is unread when a connection begins is known; no frame need tell it again (Q5)."""
        for chat_id, seq in unread:
            self._told(chat_id, seq)
        self.unannounced_chats.clear()

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

    def suspect(self, chat_id: ChatId, unread: Sequence[Message], *, me: UserId, now: float) -> None:
        """Look at a candidate's unread messages: does one of them have to have woken us?"""
        told = self._announced.get(chat_id, 0)
        is_owed = any(message["seq"] > told and wakes(message, me) for message in unread)
        if is_owed and chat_id not in self._told_blindly and self._is_believed(chat_id, now):
            self.unannounced_chats.setdefault(chat_id, now)
        else:
            self._told(chat_id, MessageSeq(max([told, *(message["seq"] for message in unread)])))

    def looked(self, candidates: Iterable[ChatId], *, now: float, grace: float) -> bool:
        """
        Conclude a look at the server.

        Args:
            candidates: What is unannounced now; what was unannounced in other chats is settled.
            now: Epoch seconds.
            grace: Seconds that a frame may take.

        Returns:
            Whether the stream is deaf. The chats that show it are used up.
        """
        still = set(candidates)
        self.unannounced_chats = {
            chat_id: since for chat_id, since in self.unannounced_chats.items() if chat_id in still
        }
        if not self.unannounced_chats:
            self.heard_at = now
            return False
        unheard = [
            chat_id for chat_id, since in self.unannounced_chats.items() if not 0 <= now - since < grace
        ]
        for chat_id in unheard:
            before = self._alarms.get(chat_id)
            self._alarms[chat_id] = _Alarms(before.times + 1 if before else 1, now)
        return bool(unheard)

    def _told(self, chat_id: ChatId, seq: MessageSeq | None) -> None:
        """No frame need tell of this one; without a seq, of whatever the next look finds there."""
        if seq is None:
            self._told_blindly.add(chat_id)
            return
        self._told_blindly.discard(chat_id)
        self._announced[chat_id] = max(seq, self._announced.get(chat_id, 0))

    def _is_believed(self, chat_id: ChatId, now: float) -> bool:
        """An open suspicion stays one."""
        alarms = self._alarms.get(chat_id)
        return chat_id in self.unannounced_chats or alarms is None or alarms.are_believed(now)


def wakes(message: Message, me: UserId) -> bool:
    """
    Whether the server should have woken `me` for an unread message.

    A mention silences everybody who is not mentioned (Q32); the platform's notifications wake only whom they name.
    """
    targets = message.get("addressed_to_user_ids") or message["mentioned_ids"]
    if targets:
        return me in targets
    return message["message_type"] in _WAKING_TYPES
