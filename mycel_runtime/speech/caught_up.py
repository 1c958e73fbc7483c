"""
Who has seen what. Pure.

Messages here are the API's own objects (`wire.resources.Message`).
"""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING, Final

from mycel_runtime.journal.hole import Hole
from mycel_runtime.wire.ids import MessageSeq

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from mycel_runtime.wire.ids import UserId
    from mycel_runtime.wire.resources import Message

HOLES_LIMIT: Final = 256
"""More numbers than this are not missing one by one, and nobody remembers them all."""


def concerns(message: Message, me: UserId) -> bool:
    """
    Whether a message would count as unread for `me`: somebody else's, broadcast or addressed to me.

    Source: contract 4.3. Generation A has no scope: everything is broadcast.
    """
    if message["sender_id"] == me:
        return False
    return message.get("delivery_scope") != "addressed" or me in (message.get("addressed_to_user_ids") or ())


def unseen(
    messages: Iterable[Message],
    *,
    me: UserId,
    handled_seq: int,
    seen_ids: Collection[str],
    holes: Collection[int] = (),
) -> list[Message]:
    """
    Those that the handler has not been shown.

    By id above the handler's cursor and in its holes, not by "newer than the newest": a lower number may appear
    after a higher one (Q27).
    """
    return [
        message
        for message in messages
        if (message["seq"] > handled_seq or message["seq"] in holes)
        and message["id"] not in seen_ids
        and concerns(message, me)
    ]


def missing(seqs: Collection[int], *, after: int, through: int) -> list[MessageSeq]:
    """The newest numbers within (`after`, `through`) that nobody has seen, ascending, at most `HOLES_LIMIT`."""
    known = set(seqs)
    # From the newest on: the numbers may be far apart, and this runs on the loop.
    newest_first = (MessageSeq(seq) for seq in range(through - 1, after, -1) if seq not in known)
    return list(itertools.islice(newest_first, HOLES_LIMIT))[::-1]


def still_open(
    holes: Iterable[Hole],
    new: Iterable[MessageSeq],
    *,
    seen: Collection[int],
    read_at: float,
    grace: float,
) -> tuple[Hole, ...]:
    """
    The holes that are to be looked for again.

    Args:
        holes: Known before this reading.
        new: Noticed by it.
        seen: Numbers that it found.
        read_at: When it began, epoch seconds.
        grace: Seconds; a hole that is this old when it is read, and empty, stays empty (contract 4.2).
    """
    known = [
        # Not noticed later than now: the clock may have been set back.
        Hole(seq=hole.seq, noticed_at=min(hole.noticed_at, read_at))
        for hole in holes
        if hole.seq not in seen and hole.noticed_at + grace > read_at
    ]
    return (*known, *(Hole(seq=seq, noticed_at=read_at) for seq in new))


def first_handled_seq(read: Sequence[Message]) -> MessageSeq:
    """
    Where a handler that is new to a chat starts: behind the newest message that is read, before the unread ones.

    Source: design section 4: the server's cursor is never shown (contract 4.4); this is what can be known of it.
    """
    return MessageSeq(read[-1]["seq"] if read else 0)


def content_hash(
    content: str,
    *,
    mentions: Sequence[str] = (),
    delivery_scope: str = "broadcast",
    addressed_to: Collection[str] = (),
) -> str:
    """What a send says and to whom, as a SHA-256 that an intent can be found again by."""
    said = [content, sorted(mentions), delivery_scope, sorted(addressed_to)]
    return hashlib.sha256(_UNESCAPED.encode(said).encode(errors="surrogatepass")).hexdigest()


_UNESCAPED: Final = json.JSONEncoder(ensure_ascii=False)
"""`json.dumps` would make one for each text."""


def message_hash(message: Message) -> str:
    """The `content_hash` of a stored message."""
    return content_hash(
        message["content"],
        mentions=message.get("mentioned_ids") or (),
        delivery_scope=message.get("delivery_scope") or "broadcast",
        addressed_to=message.get("addressed_to_user_ids") or (),
    )


def find_own(
    history: Iterable[Message], *, me: UserId, after_seq: int, wanted_hash: str, taken: Collection[str]
) -> Message | None:
    """
    The stored message of an intent whose outcome is unknown.

    Args:
        history: Ascending.
        me: The sender.
        after_seq: The intent's `base_seq`: ours is above it.
        wanted_hash: The intent's content.
        taken: Ids that belong to other intents; the same words may be said twice.
    """
    for message in history:
        is_candidate = message["sender_id"] == me and message["seq"] > after_seq
        if is_candidate and message["id"] not in taken and message_hash(message) == wanted_hash:
            return message
    return None
