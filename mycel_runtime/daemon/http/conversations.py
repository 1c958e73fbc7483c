"""
Conversations as timelines: what each turn was shown and what it did, by numbers and counts.

Made of the log of turns, which holds no bodies; its hashes and whole ids stay there. Blocks: to be read in a thread.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mycel_runtime.daemon.http.short_id import short_id
from mycel_runtime.errors import JournalFileError
from mycel_runtime.journal.turns import ANSWER_KIND, MESSAGE_KIND, TIMER_KIND, done_from, said_from

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mycel_runtime.journal.port.reader import JournalReader
    from mycel_runtime.journal.turns import LoggedTurn
    from mycel_runtime.wire.ids import UserId

_TURNS: Final = 300
"""Looked at, the newest."""

_CHATS: Final = 20
_TURNS_OF_CHAT: Final = 12


class Conversations(NamedTuple):
    """
    What is shown, newest first.

    Attributes:
        chat_ids: Of those, whole: they are not shown.
    """

    shown: list[dict[str, Any]]
    chat_ids: frozenset[str]


def read_conversations(reader: JournalReader, identity: UserId) -> Conversations:
    """
    The conversations with the newest turns, each with its newest turns in their order.

    Raises:
        JournalError: The journal cannot be read.
    """
    try:
        log = reader.turn_log(identity)
    except JournalFileError:
        return Conversations([], frozenset())
    return conversations_of(log.newest(_TURNS))


def conversations_of(turns: Iterable[LoggedTurn]) -> Conversations:
    """Likewise, of turns in their order."""
    by_chat: dict[str, list[LoggedTurn]] = {}
    for turn in turns:
        if turn.chat_id is not None:
            by_chat.setdefault(turn.chat_id, []).append(turn)
    newest = sorted(by_chat.items(), key=lambda each: each[1][-1].turn_id, reverse=True)[:_CHATS]
    shown = [
        {
            "chat": short_id(chat_id),
            "turns_total": len(its),
            "turns": [_turn(turn) for turn in its[-_TURNS_OF_CHAT:]],
        }
        for chat_id, its in newest
    ]
    return Conversations(shown, frozenset(chat_id for chat_id, _ in newest))


def _turn(turn: LoggedTurn) -> dict[str, Any]:
    said = said_from(turn.said)
    seqs = [seq for seq, *_ in json.loads(turn.shown).get("messages", ())]
    return {
        "handler": turn.handler,
        "kind": turn.kind if turn.kind in {MESSAGE_KIND, TIMER_KIND, ANSWER_KIND} else "event",
        "at": turn.ended_at,
        "seconds": round(turn.ended_at - turn.began_at, 3),
        "attempt": turn.attempt,
        "messages": len(seqs),
        "from_seq": min(seqs, default=None),
        "to_seq": max(seqs, default=None),
        "said": sum(not reply.error for reply in said),
        "refused": sorted({reply.error for reply in said if reply.error}),
        "deeds": _deeds(turn),
        "given_up": bool(turn.raised),
    }


def _deeds(turn: LoggedTurn) -> dict[str, int]:
    done = done_from(turn.done)
    deeds = {
        "remembered": len(done.items),
        "timers": len(done.timers),
        "decided": len(done.decided),
        "said elsewhere": len(done.uttered),
    }
    return {deed: count for deed, count in deeds.items() if count}
