"""`mycel-runtime status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from mycel_runtime.cli.listing import counted
from mycel_runtime.cli.options import configs_option

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.daemon.network_report import CauseReport
    from mycel_runtime.daemon.speaking_report import OpenQuestionsReport, WaitingUtteranceReport
    from mycel_runtime.daemon.status import Status
    from mycel_runtime.daemon.work_report import (
        BlockedChatReport,
        OldestReport,
        PauseReport,
        StartReport,
        UnavailableReport,
    )

EXIT_NOT_READY: Final = 75


@click.command()
@configs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON; of a folder, one object per line.")
@click.pass_context
def status(ctx: click.Context, config: Path, *, as_json: bool) -> None:
    """
    Ask the running daemon how it is.

    Exit code 0 while hearing is proven, 75 while it is not or nobody runs. Of a folder: the worst of all.
    """
    from mycel_runtime.daemon.agents import config_files

    files = config_files([config])
    if len(files) == 1:
        ctx.exit(_show(files[0], indent=2, as_json=as_json))
    ctx.exit(max([_show_one_of_many(path, as_json=as_json) for path in files]))


def _show(config: Path, *, indent: int | None, as_json: bool) -> int:
    """Print one agent's; the exit code."""
    from mycel_runtime.cli.target import target_of
    from mycel_runtime.daemon.control import ask_status
    from mycel_runtime.observe.logs import without_controls

    now = ask_status(target_of(config).state_dir)
    if as_json:
        click.echo(now.model_dump_json(indent=indent))
    else:
        click.echo("\n".join(map(without_controls, _lines(now))))
    return 0 if now.ready else EXIT_NOT_READY


def _show_one_of_many(config: Path, *, as_json: bool) -> int:
    """As `_show`; what is wrong with this one hides no other."""
    from mycel_runtime.errors import MycelError

    try:
        return _show(config, indent=None, as_json=as_json)
    except MycelError as exc:
        click.echo(f"{config}: {exc}", err=True)
        return exc.exit_code


def _lines(now: Status) -> list[str]:
    verdict = "ready" if now.ready else "not ready"
    return [
        f"{now.agent}: {verdict} (pid {now.pid}, up {now.now - now.started_at:.0f} s, version {now.version})",
        *(f"  ! {problem}" for problem in now.problems),
        *(f"  ! {_paused(pause, now)}" for pause in now.work.paused),
        *(f"  ! {_blocked(chat, now)}" for chat in now.work.blocked_chats),
        *(f"  ! {_not_started(start, now)}" for start in now.work.not_started),
        *(f"  ! {_unavailable(plugin)}" for plugin in now.work.unavailable),
        *(f"  ! {_unsaid(waiting, now)}" for waiting in now.speaking.waiting),
        f"  backend   {now.server} as {now.user_id or 'not known yet'}",
        *(f"  network   {_cause(cause, now)}" for cause in now.network.causes),
        f"  hearing   {', '.join(_hearing(now))}",
        f"  speaking  {', '.join(_speaking(now))}",
        f"  work      {', '.join(_work(now))}",
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
        f"{work.due} due",
        f"{work.running} running",
        *([] if work.oldest is None else [_oldest(work.oldest, now)]),
        counted(work.dead_letters, "dead letter"),
        *([f"{counted(work.letters_expired, 'dead letter')} expired"] if work.letters_expired else []),
        f"{counted(work.journal_entries, 'frame')} kept",
        *(f"left alone: {plugin}" for plugin in work.quarantined),
        *([f"{counted(work.abandoned_tasks, 'task')} abandoned"] if work.abandoned_tasks else []),
        *([f"{counted(work.abandoned_threads, 'thread')} abandoned"] if work.abandoned_threads else []),
    ]


def _oldest(oldest: OldestReport, now: Status) -> str:
    age = max(0.0, now.now - oldest.since)
    attempts = counted(oldest.attempts, "failed attempt")
    return f"oldest waits {age:.0f} s: {oldest.lane} for {oldest.handler}, {attempts}"


def _blocked(chat: BlockedChatReport, now: Status) -> str:
    return (
        f"chat {chat.chat_id}: no {chat.operation} succeeds since {max(0.0, now.now - chat.since):.0f} s:"
        f" {chat.reason}"
    )


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


def _ago(then: float | None, now: Status) -> str:
    return "never" if then is None else f"{max(0.0, now.now - then):.0f} s ago"
