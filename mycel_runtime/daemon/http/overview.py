"""
What the page shows of an agent: its status in the page's own words, without whole ids.

JSON, and of this version of the runtime: the page and this module are changed together. Times are epoch seconds. What
the server has said (reasons, names) is among it as it came: the page shows it as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.daemon.http.short_id import short_id, short_lane
from mycel_runtime.journal.pause import PauseKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mycel_runtime.daemon.reports.hearing_report import HearingReport
    from mycel_runtime.daemon.reports.plugin_report import PluginReport
    from mycel_runtime.daemon.reports.speaking_report import SpeakingReport
    from mycel_runtime.daemon.reports.work_report import PauseReport, WorkReport
    from mycel_runtime.daemon.status import Status

LISTED: Final = 50
"""Dead letters and unknown sends that are shown at once, the oldest; all of them are counted."""


def overview_of(
    status: Status,
    *,
    has_ended: bool,
    letters: Sequence[Mapping[str, Any]] = (),
    sends: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """
    One agent.

    Args:
        status: As it is now.
        has_ended: It lives no more, and others do.
        letters: Rows as of `Admin.dead`.
        sends: Rows as of `Admin.unresolved`.
    """
    return {
        "name": status.agent,
        "server": status.server,
        "user_id": status.user_id,
        "version": status.version,
        "started_at": status.started_at,
        "journal_bytes": status.journal.size,
        "ready": status.ready and not has_ended,
        "ended": has_ended,
        "problems": ["the agent has ended: the log says why"] if has_ended else list(status.problems),
        "causes": [
            {"cause": each.cause, "since": each.since, "detail": each.detail, "fix": each.fix}
            for each in status.network.causes
        ],
        "hearing": _hearing(status.hearing),
        "speaking": _speaking(status.speaking),
        "work": _work(status.work),
        "plugins": [_plugin(plugin) for plugin in status.plugins],
        "paused": [_pause(pause) for pause in status.work.paused],
        "dead_letters": [_letter(letter) for letter in letters[:LISTED]],
        "sends": [_send(send) for send in sends[:LISTED]],
        "sends_total": len(sends),
    }


def _hearing(hearing: HearingReport) -> dict[str, Any]:
    return {
        "connected": hearing.connected,
        "proven_at": hearing.proven_at,
        "reconciled_at": hearing.reconciled_at,
        "epoch": hearing.epoch,
        "since_seq": hearing.since_seq,
        "unannounced": hearing.unannounced_chats,
        "trouble": hearing.trouble and hearing.trouble.model_dump(),
    }


def _speaking(speaking: SpeakingReport) -> dict[str, Any]:
    return {
        "sent": speaking.sent,
        "sent_at": speaking.sent_at,
        "conflicted": speaking.conflicted,
        "unsettled": speaking.unsettled,
        "unknown": speaking.unknown,
        "waiting": len(speaking.waiting),
        "questions": speaking.questions.count if speaking.questions else 0,
        "held": [short_id(chat_id) for chat_id in speaking.held],
    }


def _work(work: WorkReport) -> dict[str, Any]:
    oldest = work.oldest
    return {
        "due": work.due,
        "running": work.running,
        "suspects": work.suspects,
        "dead_letters": work.dead_letters,
        "abandoned": work.abandoned_tasks + work.abandoned_threads,
        "oldest": oldest
        and {
            "handler": oldest.handler,
            "lane": short_lane(oldest.lane),
            "attempts": oldest.attempts,
            "since": oldest.since,
        },
        "blocked": [
            each.model_dump() | {"chat_id": short_id(each.chat_id)} for each in work.blocked_chats[:LISTED]
        ],
    }


def _plugin(plugin: PluginReport) -> dict[str, Any]:
    firing = next(iter(plugin.next_firings), None)
    return {
        "name": plugin.name,
        "state": plugin.state,
        "reason": plugin.reason,
        "next_at": firing and firing.due_at,
    }


def _pause(pause: PauseReport) -> dict[str, Any]:
    name = short_id(pause.name) if pause.kind == PauseKind.CHAT else pause.name
    return {"kind": pause.kind, "name": name, "since": pause.since}


def _letter(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["dead_letter_id"],
        "handler": row["handler"],
        "lane": short_lane(row["lane"]),
        "attempts": row["attempts"],
        "reason": row["reason"],
        "at": row["buried_at"],
    }


def _send(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "send": row["send"],
        "state": row["state"],
        "handler": row["handler"],
        "chat": short_id(row["chat_id"]),
        "after_seq": row["after_seq"],
        "at": row["intended_at"],
    }
