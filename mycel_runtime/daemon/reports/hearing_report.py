"""What is known of listening."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from mycel_runtime.daemon.assembly import Parts
    from mycel_runtime.inbox.polling import StreamTrouble


class StreamTroubleReport(BaseModel, frozen=True, defer_build=True):
    """
    Why no stream stands, or none that serves. Times are epoch seconds.

    Attributes:
        cause: One word of `sdk.cause.Cause`; `unknown` if there is none for it.
        reason: As the log has it.
        since: Of the first end or failed try in a row.
        polled: A look was answered since: messages come, some seconds late.
        fix: What to do; empty if nobody knows.
    """

    cause: str
    reason: str
    since: float
    polled: bool
    fix: str


class HearingReport(BaseModel, frozen=True, defer_build=True):
    """
    What is known of listening. Times are epoch seconds, `None` before the first.

    Attributes:
        connected: A subscription stands.
        epoch, since_seq: The checkpoint.
        newest_seq: The newest number that was received; what is above the checkpoint waits for what is missing below.
        lag: How many numbers the checkpoint is behind.
        proven_at: The stream was last shown to tell what it should.
        reconciled_at: The server last said what it holds for us.
        unannounced_chats: Chats with something unread that no frame has announced.
        trouble: Why no stream stands, or none that serves; `None` while one does.
    """

    connected: bool = False
    epoch: int = 0
    since_seq: int = 0
    newest_seq: int = 0
    lag: int = 0
    proven_at: float | None = None
    reconciled_at: float | None = None
    unannounced_chats: int = 0
    trouble: StreamTroubleReport | None = None


def hearing_report(parts: Parts | None) -> HearingReport:
    """What listening knows; nothing while the identity is still being asked for."""
    if parts is None:
        return HearingReport()
    checkpoint, newest_seq = parts.intake.checkpoint, parts.intake.newest_seq
    return HearingReport(
        connected=parts.listener.is_connected,
        epoch=checkpoint.epoch,
        since_seq=checkpoint.since_seq,
        newest_seq=newest_seq,
        lag=newest_seq - checkpoint.since_seq,
        proven_at=parts.liveness.heard_at,
        reconciled_at=parts.reconciler.succeeded_at,
        unannounced_chats=len(parts.liveness.unannounced_chats),
        trouble=_stream_trouble_report(parts.listener.trouble),
    )


def _stream_trouble_report(trouble: StreamTrouble | None) -> StreamTroubleReport | None:
    if trouble is None:
        return None
    return StreamTroubleReport(
        cause=trouble.cause.value if trouble.cause else "unknown",
        reason=trouble.reason,
        since=trouble.since,
        polled=trouble.is_polled,
        fix=trouble.cause.fix if trouble.cause else "",
    )
