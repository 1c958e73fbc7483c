"""`mycel-runtime status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from mycel_runtime.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path

    from mycel_runtime.daemon.health import Status

EXIT_NOT_READY: Final = 75


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def status(ctx: click.Context, config: Path, *, as_json: bool) -> None:
    """
    Ask the running daemon how it is.

    Exit code 0 while hearing is proven, 75 while it is not or nobody runs.
    """
    from mycel_runtime.daemon.control import ask_status
    from mycel_runtime.settings import load_settings

    now = ask_status(load_settings(config).state_dir)
    click.echo(now.model_dump_json(indent=2) if as_json else "\n".join(_lines(now)))
    if not now.ready:
        ctx.exit(EXIT_NOT_READY)


def _lines(now: Status) -> list[str]:
    verdict = "ready" if now.ready else "not ready"
    return [
        f"{now.agent}: {verdict} (pid {now.pid}, up {now.now - now.started_at:.0f} s, version {now.version})",
        *(f"  ! {problem}" for problem in now.problems),
        f"  backend   {now.server} as {now.user_id or 'not known yet'}",
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
    ]


def _speaking(now: Status) -> list[str]:
    speaking = now.speaking
    return [
        f"{speaking.sent} sent",
        f"last {_ago(speaking.sent_at, now)}",
        f"{speaking.conflicted} conflicts",
        f"{speaking.unsettled} unresolved",
        f"{speaking.unknown} unknown",
        *(f"held: {chat_id}" for chat_id in speaking.held),
    ]


def _work(now: Status) -> list[str]:
    work = now.work
    oldest = [] if work.oldest_due_at is None else [f"oldest due {_ago(work.oldest_due_at, now)}"]
    return [
        f"{work.due} due",
        *oldest,
        f"{work.running} running",
        f"{work.dead_letters} dead letters",
        f"{work.journal_entries} frames kept",
        *(f"left alone: {plugin}" for plugin in work.quarantined),
        *([f"{work.abandoned_tasks} tasks abandoned"] if work.abandoned_tasks else []),
        *([f"{work.abandoned_threads} threads abandoned"] if work.abandoned_threads else []),
    ]


def _log(now: Status) -> list[str]:
    log = now.log
    return [
        *([f"{log.dropped_lines} lines dropped"] if log.dropped_lines else []),
        *([f"{log.failed_observers} facts that an observer could not take"] if log.failed_observers else []),
    ]


def _ago(then: float | None, now: Status) -> str:
    return "never" if then is None else f"{max(0.0, now.now - then):.0f} s ago"
