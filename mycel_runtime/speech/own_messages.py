"""Which of the identity's own messages this journal has not sent: somebody else speaks as this agent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.speech.caught_up import message_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mycel_runtime.journal.own_sends import OwnSends
    from mycel_runtime.wire.ids import UserId
    from mycel_runtime.wire.resources import Message

_NOTIFICATION: Final = "notification"
"""The platform's, in the name of whoever has caused it (contract 4.9): nobody has said it."""


def own_messages(history: Iterable[Message], *, me: UserId, after_seq: int) -> list[Message]:
    """What the identity has said above `after_seq`, by whichever program."""
    return [
        message
        for message in history
        if message["sender_id"] == me
        and message["seq"] > after_seq
        and message["message_type"] != _NOTIFICATION
    ]


def unexplained(own: Iterable[Message], known: OwnSends) -> list[Message]:
    """
    Those that no send of this journal is.

    A send whose message is known explains that one and no other, though another has the same words: two programs
    that answer alike are told apart. One whose message is not known explains what has its words above its `base_seq`.
    Sends that were forgotten for their age explain all up to the newest of them.
    """
    return [
        message
        for message in own
        if message["seq"] > known.through_seq
        and message["id"] not in known.message_ids
        and not _may_be(message, known)
    ]


def _may_be(message: Message, known: OwnSends) -> bool:
    base_seq = known.unplaced.get(message_hash(message))
    return base_seq is not None and message["seq"] > base_seq
