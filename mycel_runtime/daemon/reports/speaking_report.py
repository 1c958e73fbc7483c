"""What is known of answering, of speaking first and of asking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mycel_runtime.journal.hold import Hold
    from mycel_runtime.journal.questions import OpenQuestions
    from mycel_runtime.journal.summary import JournalStatistics, WaitingUtterance
    from mycel_runtime.observe.counters import Counters

LONG_WAIT_SECONDS: Final = 60.0
"""What is to be said first is named when it has waited for longer."""


class WaitingUtteranceReport(BaseModel, frozen=True, defer_build=True):
    """
    What a handler wants to say first and cannot yet: somebody's words were not shown to all, or the backend fails.

    Attributes:
        since: Epoch seconds, of when the handler said it.
        attempts: That have failed.
    """

    handler: str
    chat_id: str
    since: float
    attempts: int


class OpenQuestionsReport(BaseModel, frozen=True, defer_build=True):
    """
    What people were asked, or are to be asked, and an answer may still come to.

    Attributes:
        count: How many.
        plugin, name, chat_id: Of the oldest.
        since: Epoch seconds, of when its plugin asked.
    """

    count: int
    plugin: str
    name: str
    chat_id: str
    since: float


class SpeakingReport(BaseModel, frozen=True, defer_build=True):
    """
    What is known of answering; `conflicted` and `unresolved` count since the start.

    Attributes:
        questions: `None` while none is open.
        waiting: What was to be said first more than a minute ago; ten at most.
        held: Chats in which the loop guard lets nothing be said; `mycel-runtime resume CHAT`.
    """

    sent: int = 0
    sent_at: float | None = None
    conflicted: int = 0
    unresolved: int = 0
    unsettled: int = 0
    unknown: int = 0
    waiting: tuple[WaitingUtteranceReport, ...] = ()
    questions: OpenQuestionsReport | None = None
    held: tuple[str, ...] = ()


def speaking_report(
    counters: Counters,
    statistics: JournalStatistics | None,
    holds: Iterable[Hold] = (),
    *,
    utterances: Iterable[WaitingUtterance] = (),
    questions: OpenQuestions | None = None,
    now: float = 0.0,
) -> SpeakingReport:
    """
    What answering knows.

    Args:
        counters: Of facts.
        statistics: Of the journal, if it could be read.
        holds: Of the loop guard.
        utterances: Those that wait.
        questions: Those that are open.
        now: Epoch seconds.
    """
    return SpeakingReport(
        sent=counters.counts["message.sent"],
        sent_at=counters.last_at("message.sent"),
        conflicted=counters.counts["send.conflicted"],
        unresolved=counters.counts["send.unresolved"],
        unsettled=statistics.intents_unsettled if statistics else 0,
        unknown=statistics.intents_unknown if statistics else 0,
        waiting=tuple(
            WaitingUtteranceReport(
                handler=each.handler, chat_id=each.chat_id, since=each.made_at, attempts=each.attempts
            )
            for each in utterances
            if now - each.made_at > LONG_WAIT_SECONDS
        ),
        questions=None if questions is None else _questions_report(questions),
        held=tuple(hold.chat_id for hold in holds),
    )


def _questions_report(questions: OpenQuestions) -> OpenQuestionsReport:
    return OpenQuestionsReport(
        count=questions.questions,
        plugin=questions.plugin,
        name=questions.name,
        chat_id=questions.chat_id,
        since=questions.made_at,
    )
