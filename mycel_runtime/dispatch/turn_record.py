"""
What is logged of a run: what it was shown, said and did, by ids and hashes.

Enough to show the same to changed code, with the bodies read again. Words of others that an event brings along are
not in it: they are in the frame, as it was journaled, or on the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.dispatch.verdict import Failed
from mycel_runtime.journal.turns import ANSWER_KIND, MESSAGE_KIND, TIMER_KIND, TurnRecord, text_hash
from mycel_runtime.plugin.answer_context import AnswerContext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.dispatch.chat_reader import NewerMessages
    from mycel_runtime.dispatch.verdict import Unanswered
    from mycel_runtime.journal.firing import Fired
    from mycel_runtime.journal.turns import Decided, Said
    from mycel_runtime.plugin.frame_context import FrameView
    from mycel_runtime.plugin.message import Message
    from mycel_runtime.plugin.message_context import MessageContext
    from mycel_runtime.plugin.subject import Subject
    from mycel_runtime.plugin.timer_context import TimerContext
    from mycel_runtime.plugin.voice import Voice

_NO_WORDS: Final = frozenset(
    {
        "id",
        "chat_id",
        "created_at",
        "decided_at",
        "decided_by_user_id",
        "event_id",
        "is_requester",
        "kind",
        "other_user_id",
        "requested_by_user_id",
        "requester_type",
        "requester_user_id",
        "settled_at",
        "state",
        "state_version",
        "updated_at",
    }
)
"""Keys of a relationship, a request or a workflow event that hold nobody's words. Source: contract 2.7 to 2.9."""


def message_record(
    context: MessageContext,
    spoken: Sequence[Said],
    newer: NewerMessages,
    voice: Voice,
    ended: Failed | Unanswered | None,
    *,
    base_seq: int,
    began_at: float,
) -> TurnRecord:
    """
    Of a run on messages, or on an answer.

    Args:
        context: What it was run with.
        spoken: What it has asked to say.
        newer: What came while it ran, and it was shown.
        voice: With what it spoke first.
        ended: How, as of `run_handler`.
        base_seq: All of the chat up to here was there when the run began.
        began_at: Epoch seconds.
    """
    guard = context.guard
    shown: dict[str, Any] = {
        "messages": _places(context.messages),
        "base_seq": base_seq,
        "guard": [guard.turns, guard.turns_left, guard.is_held],
    }
    if newer.shown:
        shown["newer"] = [_places(messages) for messages in newer.shown]
    if context.said:
        shown["said"] = [[sent.seq, sent.message_id] for sent in context.said]
    if context.unsaid:
        shown["unsaid"] = len(context.unsaid)
    shown |= _read(voice)
    if isinstance(context, AnswerContext):
        shown["question"] = [context.question.name, context.question.outcome]
        if context.meanwhile:
            shown["meanwhile"] = _places(context.meanwhile)
    return TurnRecord(
        kind=ANSWER_KIND if isinstance(context, AnswerContext) else MESSAGE_KIND,
        attempt=context.attempt,
        began_at=began_at,
        shown=shown,
        said=tuple(spoken),
        uttered=tuple(voice.uttered),
        # Of one that is given up, what its last words remember.
        changes=ended.changes if isinstance(ended, Failed) else context.run.changes,
        raised=_reason(ended),
    )


def event_record(
    context: FrameView,
    subject: Subject | None,
    decided: Sequence[Decided],
    voice: Voice,
    ended: Failed | Unanswered | None,
    *,
    began_at: float,
) -> TurnRecord:
    """
    Of a run on a frame.

    Args:
        context: What it was run with.
        subject: What the frame was about, as the handler was shown it.
        decided: What the run has decided.
        voice: With what it spoke first.
        ended: How, as of `run_handler`.
        began_at: Epoch seconds.
    """
    row = None if subject is None or subject.row is None else wordless(subject.row)
    return TurnRecord(
        kind=context.event_type,
        attempt=context.attempt,
        began_at=began_at,
        shown=({} if subject is None else {"subject": row}) | _read(voice),
        decided=tuple(decided),
        uttered=tuple(voice.uttered),
        changes=context.run.changes,
        raised=_reason(ended),
    )


def timer_record(
    context: TimerContext,
    fired: Fired,
    voice: Voice,
    ended: Failed | Unanswered | None,
    *,
    began_at: float,
) -> TurnRecord:
    """
    Of a run on a timer, whose key and data may say something of somebody: as hashes.

    Args:
        context: What it was run with.
        fired: The timer.
        voice: With what it spoke first.
        ended: How, as of `run_handler`.
        began_at: Epoch seconds.
    """
    return TurnRecord(
        kind=TIMER_KIND,
        attempt=context.attempt,
        began_at=began_at,
        shown={
            "name": fired.name,
            "key": text_hash(fired.key),
            "data": text_hash(fired.data),
            "due_at": fired.due_at,
        }
        | _read(voice),
        uttered=tuple(voice.uttered),
        changes=context.run.changes,
        raised=_reason(ended),
    )


def _read(voice: Voice) -> dict[str, Any]:
    """What was read of other chats, by chat and page."""
    pages = voice.reading.shown.items()
    return {"read": {chat_id: [_places(page) for page in its] for chat_id, its in pages}} if pages else {}


def wordless(row: Mapping[str, Any]) -> dict[str, Any]:
    """What of an API's object is nobody's words."""
    return {key: value for key, value in row.items() if key in _NO_WORDS}


def _places(messages: Sequence[Message]) -> list[tuple[int, str]]:
    return [(message.seq, message.id) for message in messages]


def _reason(ended: Failed | Unanswered | None) -> str:
    return "" if ended is None else ended.letter.reason
