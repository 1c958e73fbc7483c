"""What `mycel-runtime status` prints of one agent, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mycel_runtime.counted import counted
from mycel_runtime.journal.summary import COUNT_LIMIT

if TYPE_CHECKING:
    from mycel_runtime.daemon.held_loop import HeldLoopReport
    from mycel_runtime.daemon.reports.network_report import CauseReport
    from mycel_runtime.daemon.reports.plugin_report import PluginReport
    from mycel_runtime.daemon.reports.speaking_report import OpenQuestionsReport, WaitingUtteranceReport
    from mycel_runtime.daemon.reports.work_report import (
        BlockedChatReport,
        OldestReport,
        PauseReport,
        StartReport,
        UnavailableReport,
    )
    from mycel_runtime.daemon.status import Status


def lines_of(now: Status) -> list[str]:
    """Everything that a person is to know of one agent, a line for each subject, what is wrong first."""
    verdict = "ready" if now.ready else "not ready"
    if now.standby is not None:
        verdict = f"{verdict}, {now.standby.words}"
    return [
        f"{now.agent}: {verdict} (pid {now.pid}, up {now.now - now.started_at:.0f} s, version {now.version})",
        *(f"  ! {problem}" for problem in now.problems),
        *(f"  ! {problem}" for problem in _reload(now)),
        *([f"  ! {_cramped(now)}"] if now.journal.is_cramped else []),
        *(f"  ! {each}" for each in _unkept(now)),
        *(f"  ! {_paused(pause, now)}" for pause in now.work.paused),
        *(f"  ! {_blocked(chat, now)}" for chat in now.work.blocked_chats),
        *(f"  ! {_not_started(start, now)}" for start in now.work.not_started),
        *(f"  ! {_unavailable(plugin)}" for plugin in now.work.unavailable),
        *(f"  ! {_unsaid(waiting, now)}" for waiting in now.speaking.waiting),
        *([] if now.held_loop is None else [f"  ! {_held_loop(now.held_loop, now)}"]),
        f"  backend   {now.server} as {now.user_id or 'not known yet'}",
        *(f"  network   {_cause(cause, now)}" for cause in now.network.causes),
        # Who stands by hears and says nothing, and no number of it tells anything.
        *([] if now.standby else [f"  hearing   {', '.join(_hearing(now))}"]),
        *([] if now.standby else [f"  speaking  {', '.join(_speaking(now))}"]),
        f"  work      {', '.join(_work(now))}",
        *([f"  plugins   {', '.join(_plugin(each, now) for each in now.plugins)}"] if now.plugins else []),
        *([f"  journal   {_journal(now)}"] if now.journal.size or now.journal.database else []),
        *(f"  program   {line}" for line in _program(now)),
        *([f"  log       {', '.join(_log(now))}"] if _log(now) else []),
    ]


def _hearing(now: Status) -> list[str]:
    hearing = now.hearing
    return [
        "connected" if hearing.connected else "not connected",
        f"proven {_ago(hearing.proven_at, now)}",
        f"server asked {_ago(hearing.reconciled_at, now)}",
        f"epoch {hearing.epoch}",
        f"seq {hearing.since_seq}",
        *([f"{hearing.lag} behind what was received"] if hearing.lag else []),
        *(
            [f"{hearing.trouble.cause}: {hearing.trouble.fix}"]
            if hearing.trouble and hearing.trouble.fix
            else []
        ),
    ]


def _speaking(now: Status) -> list[str]:
    speaking = now.speaking
    return [
        f"{speaking.sent} sent",
        f"last {_ago(speaking.sent_at, now)}",
        counted(speaking.conflicted, "conflict"),
        f"{speaking.unsettled} unresolved",
        f"{speaking.unknown} unknown",
        *([] if speaking.questions is None else [_questions(speaking.questions, now)]),
        *(f"held: {chat_id}" for chat_id in speaking.held),
    ]


def _questions(questions: OpenQuestionsReport, now: Status) -> str:
    age = max(0.0, now.now - questions.since)
    asked = f"{questions.plugin}'s {questions.name} in chat {questions.chat_id}"
    return f"{counted(questions.count, 'open question')}, oldest since {age:.0f} s: {asked}"


def _work(now: Status) -> list[str]:
    work = now.work
    return [
        f"{bounded(work.due)} due" + (f" in {counted(work.lanes, 'lane')}" if work.lanes > 1 else ""),
        f"{work.running} running",
        *([f"{counted(work.suspects, 'suspect')} of a death, one at a time"] if work.suspects else []),
        *([] if work.oldest is None else [_oldest(work.oldest, now)]),
        f"{bounded(work.dead_letters)} dead letter{'' if work.dead_letters == 1 else 's'}",
        *([f"{counted(work.letters_expired, 'dead letter')} expired"] if work.letters_expired else []),
        f"{counted(work.journal_entries, 'frame')} so far",
        *(f"left alone: {plugin}" for plugin in work.quarantined),
        *([f"{counted(work.abandoned_tasks, 'task')} abandoned"] if work.abandoned_tasks else []),
        *([f"{counted(work.abandoned_threads, 'thread')} abandoned"] if work.abandoned_threads else []),
        *(
            [f"{counted(work.late_calls, 'call')} after a handler's end, none of them carried out"]
            if work.late_calls
            else []
        ),
    ]


def _oldest(oldest: OldestReport, now: Status) -> str:
    age = max(0.0, now.now - oldest.since)
    attempts = counted(oldest.attempts, "failed attempt")
    why = f", last by {oldest.last_error}" if oldest.last_error else ""
    return f"oldest waits {age:.0f} s: {oldest.lane} for {oldest.handler}, {attempts}{why}"


def _plugin(plugin: PluginReport, now: Status) -> str:
    """Its reason is told by a line of its own."""
    notes = [] if plugin.state == "running" else [plugin.state.replace("_", " ")]
    if plugin.state != "running" and plugin.retry_at is not None:
        notes.append(f"again in {max(0.0, plugin.retry_at - now.now):.0f} s")
    notes += [f"{each.name} in {max(0.0, each.due_at - now.now):.0f} s" for each in plugin.next_firings]
    return plugin.name + (f" ({', '.join(notes)})" if notes else "")


def _journal(now: Status) -> str:
    journal = now.journal
    if journal.database:
        return journal.database
    pace = (
        "" if journal.bytes_per_day is None else f", {megabytes(journal.bytes_per_day)} a day since the start"
    )
    return f"{megabytes(journal.size)}{pace}"


def _cramped(now: Status) -> str:
    return f"only {megabytes(now.journal.free or 0)} are free for the journal: make room, before nothing can be kept"


def _program(now: Status) -> list[str]:
    if now.program is None:
        return []
    return [
        *(
            [f"{now.program.installed} is installed, {now.program.running} runs: restart it to change that"]
            if now.program.is_outdated
            else []
        ),
        *(
            ["the configuration was changed since it was read, and is not in force"]
            if now.program.config == "drift"
            else []
        ),
    ]


def _blocked(chat: BlockedChatReport, now: Status) -> str:
    return (
        f"chat {chat.chat_id}: no {chat.operation} succeeds since {max(0.0, now.now - chat.since):.0f} s:"
        f" {chat.reason}"
    )


def _reload(now: Status) -> list[str]:
    reload, told = now.reload, []
    if reload.refused:
        told.append(f"its file was read again {_ago(reload.at, now)} and is wrong: {reload.refused}")
    if reload.needs_restart:
        told.append(f"changed in its file, needs a restart: {', '.join(reload.needs_restart)}")
    return told


def _paused(pause: PauseReport, now: Status) -> str:
    what = f"{pause.kind} {pause.name}" if pause.name else f"agent {now.agent}"
    again = f"mycel-runtime resume {pause.name}".rstrip()
    return (
        f"{what} is paused since {max(0.0, now.now - pause.since):.0f} s; its work waits. `{again}` ends it"
    )


def _not_started(start: StartReport, now: Status) -> str:
    if not start.attempts:
        return f"plugin {start.plugin} is being started"
    again = (
        f"again {f'in {max(0.0, start.retry_at - now.now):.0f} s'}"
        if start.retry_at is not None
        else f"not tried again before `mycel-runtime resume {start.plugin}`"
    )
    return f"plugin {start.plugin} cannot be started: {start.reason}, {counted(start.attempts, 'attempt')}, {again}"


def _unavailable(plugin: UnavailableReport) -> str:
    return (
        f"plugin {plugin.plugin} is left alone: {plugin.reason}; its work waits."
        f" `mycel-runtime resume {plugin.plugin}` tries at once"
    )


def _held_loop(held: HeldLoopReport, now: Status) -> str:
    return (
        f"handler {held.handler} has kept the event loop from everybody else for {held.seconds:g} s,"
        f" told {_ago(held.at, now)}, {counted(held.times, 'time')} since the start: let it await, make it a plain"
        ' def, or set isolation = "process"'
    )


def _unsaid(waiting: WaitingUtteranceReport, now: Status) -> str:
    return (
        f"chat {waiting.chat_id}: what {waiting.handler} is to say first waits since"
        f" {max(0.0, now.now - waiting.since):.0f} s, {counted(waiting.attempts, 'failed attempt')}"
    )


def _cause(cause: CauseReport, now: Status) -> str:
    detail = f" ({cause.detail})" if cause.detail else ""
    return f"{cause.cause} since {max(0.0, now.now - cause.since):.0f} s{detail}: {cause.fix}"


def _log(now: Status) -> list[str]:
    log = now.log
    return [
        *([f"{counted(log.dropped_lines, 'line')} dropped"] if log.dropped_lines else []),
        *(
            [f"{counted(log.failed_observers, 'fact')} that an observer could not take"]
            if log.failed_observers
            else []
        ),
    ]


def _unkept(now: Status) -> list[str]:
    log = now.log
    return [
        *([f"{log.traces_lost} does not take traces: they are lost"] if log.traces_lost else []),
        *(
            [f"capturing what runs are shown fails, so that a replay reads it again: {log.capture_failed}"]
            if log.capture_failed
            else []
        ),
    ]


def _ago(then: float | None, now: Status) -> str:
    return "never" if then is None else f"{max(0.0, now.now - then):.0f} s ago"


def megabytes(size: int) -> str:
    """`1.3 MB`."""
    return f"{size / 1e6:.1f} MB"


def bounded(count: int) -> str:
    """A number that is counted up to a limit: `10000+` there."""
    return f"{count}+" if count >= COUNT_LIMIT else f"{count}"
