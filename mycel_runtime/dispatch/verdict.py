"""What becomes of a delivery whose handler's run has ended. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from mycel_runtime.backoff import LONGEST_RETRY_AFTER_SECONDS, exponential, half_jitter
from mycel_runtime.errors import NotSentError, RateLimitedError
from mycel_runtime.journal.changes import UNCHANGED
from mycel_runtime.journal.cursor import STAY
from mycel_runtime.journal.dead_letter import Letter
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.speech.evidence import Operation
from mycel_runtime.speech.server_detail import reason_of

if TYPE_CHECKING:
    from mycel_runtime.errors import ApiError
    from mycel_runtime.journal.changes import Changes
    from mycel_runtime.journal.cursor import CursorMove
    from mycel_runtime.journal.turns import TurnRecord
    from mycel_runtime.settings import DispatchSettings

_UNCAUGHT: Final = b"Internal Server Error"
"""The backend's own answer where its code fails, with 500 and as plain text. Source: contract 1.4."""

_SHAPELESS: Final = frozenset({200, 500})

_BEFORE_THE_BACKEND: Final = frozenset({502, 503, 504})
"""Statuses of something in between that has nobody behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """
    The handler returned, or had nothing to be shown.

    Attributes:
        changes: Of what its plugin remembers and plans.
        record: For the log of turns; `None`: no handler was run.
    """

    move: CursorMove = STAY
    shown: int = 0
    sends: int = 0
    changes: Changes = UNCHANGED
    record: TurnRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """
    The handler, or what it was to be shown, failed.

    Attributes:
        letter: Why, and what it had been shown, should this be the last attempt.
        move: To where that letter would cover the chat.
        is_permanent: Trying again cannot help.
        is_answer: The handler itself asked for it, or somebody else is to blame.
        is_nonsense: What was read cannot be made sense of; reading it again would not help.
        operation: What the backend refuses in this chat; `None`: it is not to blame.
        is_unavailable: What its plugin needs is not there: the plugin is left alone, and no attempt is spent.
        is_untold: No last words are said: the handler has had its say, or somebody else has answered.
        changes: What its last words have changed of what the plugin remembers and plans.
        record: As of `Returned`.
    """

    letter: Letter
    move: CursorMove = STAY
    retry_after: float | None = None
    is_permanent: bool = False
    is_answer: bool = False
    is_nonsense: bool = False
    operation: Operation | None = None
    is_unavailable: bool = False
    is_untold: bool = False
    changes: Changes = UNCHANGED
    record: TurnRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """
    The backend gave no usable answer; the handler is not to blame.

    Attributes:
        letter, move: As of `Failed`, should it prove to be this chat's fault; with what the server says.
        operation: What failed, if it may be this chat's fault; of a send: it is known not to be stored.
        is_answered: The backend itself answered, rather than nobody or something before it.
    """

    letter: Letter
    move: CursorMove = STAY
    retry_after: float | None = None
    operation: Operation | None = None
    is_answered: bool = False

    @classmethod
    def by(cls, cause: ApiError, operation: Operation) -> Unanswered:
        """
        What an error of the backend means to a delivery.

        Nobody there, a rate limit, and a server that says when to come back are no fault of a chat.
        """
        is_general = (
            isinstance(cause, NotSentError | RateLimitedError) or cause.retry_after_seconds is not None
        )
        return cls(
            letter=Letter(reason=reason_of(cause)),
            retry_after=cause.retry_after_seconds,
            operation=None if is_general else operation,
            is_answered=_is_answer(cause),
        )


def _is_answer(cause: ApiError) -> bool:
    """
    Whether the backend itself has answered.

    What makes no sense (200) and what it did not catch (500) have no shape of their own; 502 to 504 are also said by
    who has no backend behind it.
    """
    if cause.status_code in _SHAPELESS and cause.content in {b"", _UNCAUGHT}:
        return True
    return cause.is_backends_own and cause.status_code not in _BEFORE_THE_BACKEND


def with_record(ended: Failed | Unanswered | None, record: TurnRecord) -> Failed | Unanswered | None:
    """The same; the record is logged if the delivery is given up for it."""
    return dataclasses.replace(ended, record=record) if isinstance(ended, Failed) else ended


def refused(cause: ApiError | None) -> Failed:
    """A reply is in the way of something unread that nobody can see: an attempt each time, or for ever."""
    reason = "refused for what nobody can see" + (f": {reason_of(cause)}" if cause is not None else "")
    return Failed(letter=Letter(reason=reason), is_answer=True, operation=Operation.SEND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outspoken:
    """Somebody else spoke first, round after round."""

    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The chat is to be silent before the handler is run; nothing was run."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtaken:
    """
    The chat holds what is to be shown first: else it would be spoken to unseen.

    Of a dead letter whose chat has gone on, or of what is said first.
    """

    reason: str = "newer messages come first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """The plugin is left alone for `retry_after` seconds, or `why` else; nothing was run."""

    plugin: str
    retry_after: float
    why: str = "is left alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """The operator has paused it; nothing was run."""


Result: TypeAlias = Returned | Failed | Unanswered | Outspoken | Waiting | Overtaken | Quarantined | Paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Done: the cursor moves."""

    returned: Returned


@dataclass(frozen=True, slots=True, kw_only=True)
class Postpone:
    """
    Again after `delay` seconds; `spend` counts an attempt.

    Without a reason it is no trouble, and not told.

    Attributes:
        trace: Of the first attempt that failed.
        place: Where this one was raised: file, line and function; empty if nothing was.
    """

    delay: float
    spend: bool
    reason: str
    trace: str = ""
    place: str = ""

    @property
    def error(self) -> str:
        """What and where, in one line."""
        return f"{self.reason} ({self.place})" if self.place else self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Bury:
    """Given up."""

    failed: Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Not before the operator resumes it."""


Verdict: TypeAlias = Finish | Postpone | Bury | Park


def judge(
    result: Result,
    *,
    attempts: int,
    outage: float,
    settings: DispatchSettings,
    draw: float,
    max_attempts: int | None = None,
) -> Verdict:
    """
    Decide.

    Args:
        result: How the run ended.
        attempts: Spent before this run.
        outage: Seconds for which it has been in vain.
        settings: `[dispatch]`.
        draw: In [0, 1), spreads retries.
        max_attempts: The handler's own, instead of that of the settings.
    """
    match result:
        case Returned():
            return Finish(returned=result)
        case Paused():
            return Park()
        case Failed() if is_given_up(result, attempts=attempts, most=max_attempts or settings.max_attempts):
            return Bury(failed=result)
        case Failed(is_unavailable=True):
            # Looked at from time to time, as what is left alone.
            delay = min(settings.quarantine_time, settings.retry_cap) * (1.0 + draw / 10)
            return Postpone(delay=delay, spend=False, reason=result.letter.reason)
        case Failed():
            return _judge_failure(result, attempts + 1, settings, draw)
        case _:
            return _judge_unfinished(result, outage=outage, settings=settings, draw=draw)


def _judge_unfinished(
    result: Unanswered | Outspoken | Waiting | Overtaken | Quarantined,
    *,
    outage: float,
    settings: DispatchSettings,
    draw: float,
) -> Postpone:
    """Nobody's fault: it spends no attempt."""
    match result:
        case Unanswered(letter=letter, retry_after=retry_after):
            asked = min(retry_after or 0.0, LONGEST_RETRY_AFTER_SECONDS)
            delay = max(outage_delay(outage, settings, draw), asked)
            return Postpone(delay=delay, spend=False, reason=letter.reason)
        case Outspoken(rounds=rounds):
            delay = half_jitter(1, base=settings.retry_base, cap=settings.retry_cap, draw=draw)
            return Postpone(delay=delay, spend=False, reason=f"outspoken {rounds} times")
        case Waiting(seconds=seconds):
            return Postpone(delay=seconds, spend=False, reason="")
        case Overtaken(reason=reason):
            delay = outage_delay(outage, settings, draw)
            return Postpone(delay=delay, spend=False, reason=reason)
        case Quarantined(plugin=plugin, retry_after=retry_after, why=why):
            # Looked at from time to time, because the operator may end it at once.
            delay = min(retry_after, settings.retry_cap) * (1.0 + draw / 10)
            return Postpone(delay=delay, spend=False, reason=f"plugin {plugin} {why}")
        case _:
            assert_never(result)


def outage_delay(outage: float, settings: DispatchSettings, draw: float) -> float:
    """
    Seconds until the backend is tried again, after it gave no answer for `outage` seconds.

    As long again as it has been silent, between `retry_base` and `retry_cap`, half of it by chance: a short
    outage costs little more than itself, and all lanes together back off from a long one.
    """
    return min(settings.retry_cap, max(settings.retry_base, outage)) * (0.5 + draw / 2)


def is_given_up(failed: Failed, *, attempts: int, most: int) -> bool:
    """
    Whether this was the last attempt.

    Args:
        failed: How it ended.
        attempts: Spent before it.
        most: How many there are.
    """
    return failed.is_permanent or (not failed.is_unavailable and attempts + 1 >= most)


def _judge_failure(failed: Failed, attempts: int, settings: DispatchSettings, draw: float) -> Postpone:
    ceiling = exponential(attempts, base=settings.retry_base, cap=settings.retry_cap)
    delay = ceiling * (0.5 + draw / 2) if failed.retry_after is None else failed.retry_after
    trace = failed.letter.trace if attempts == 1 else ""
    return Postpone(
        delay=delay,
        spend=True,
        reason=failed.letter.reason,
        trace=trace,
        place=_place_of(failed.letter.trace),
    )


def _place_of(trace: str) -> str:
    """The innermost line of a trace, which comes last."""
    return trace.splitlines()[-1].strip() if trace.strip() else ""
