"""`mycel-runtime engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from mycel_runtime.cli.database_options import address_of, database_options, url_options
from mycel_runtime.cli.examples import examples
from mycel_runtime.cli.options import config_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mycel_runtime.journal.database import DatabaseState, KnownIdentity, KnownProcess, Migrated
    from mycel_runtime.journal.port.database import JournalDatabase


_LISTED: Final = 3
"""Identities that the line of a process names."""


@click.group()
def engine() -> None:
    """
    Look after the database that keeps agents' journals, [engine] url of their files.

    Agents whose journal is a file need none of this.
    """


@engine.command(
    epilog=examples(
        "mycel-runtime engine init --config agent.toml",
        "mycel-runtime engine init --url postgresql://agents@db.example.org/agents --password-file db.password",
    )
)
@database_options
def init(databases: Sequence[JournalDatabase]) -> None:
    """
    Make the schema in a database; where it is there, say so.

    The first start of an agent does the same, if its user may. A database that somebody else has tables in is
    refused.
    """
    for database in databases:
        click.echo(f"{database.where}: {_made(database.make())}")


@engine.command(
    epilog=examples(
        "mycel-runtime engine migrate --config /etc/mycel-runtime",
        "mycel-runtime engine migrate --url postgresql://owner@db.example.org/agents",
    )
)
@database_options
def migrate(databases: Sequence[JournalDatabase]) -> None:
    """
    Bring the schema to this program's version; there is no way back.

    Processes of the release before go on meanwhile and afterwards, and can start yet: migrate first, then upgrade
    host after host. The first start of a new version does the same, if its user may. A schema that a newer program
    has made, and that serves this one no more, is refused with exit code 78.
    """
    for database in databases:
        click.echo(f"{database.where}: {_made(database.migrate())}")


@engine.command(
    epilog=examples(
        "mycel-runtime engine check --config agent.toml",
        "mycel-runtime engine check --url postgresql://agents@db.example.org/agents --processes 6 --json",
    )
)
@database_options
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many more are to have the database open, on all hosts together.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON; of several databases, one object per line."
)
def check(databases: Sequence[JournalDatabase], *, processes: int, as_json: bool) -> int:
    """
    Look at a database: reachable, its version, rights, settings that matter, connections, poolers, clock.

    Nothing is changed. Exit code 0 if nothing is an error, whatever is warned of; else that of the worst one.
    """
    from mycel_runtime.checks.database import database_findings
    from mycel_runtime.checks.finding import exit_code_of

    found = [(database.where, database_findings(database, processes=processes)) for database in databases]
    for where, findings in found:
        _print_findings(where, findings, indent=2 if len(found) == 1 else None, as_json=as_json)
    return exit_code_of(finding for _, findings in found for finding in findings)


@engine.command(
    epilog=examples(
        "mycel-runtime engine status --config agent.toml",
        "mycel-runtime engine status --url postgresql://agents@db.example.org/agents --json",
    )
)
@database_options
@click.option("--each", "of_each", is_flag=True, help="A line for each agent that a process has open.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON; of several databases, one object per line."
)
def status(databases: Sequence[JournalDatabase], *, of_each: bool, as_json: bool) -> None:
    """
    Print a database's version and size, its identities with who holds them, and who has it open.

    A process is one line, of however many agents it is; --json has each of them (`processes`), and what those of one
    process have in common (`program`).
    """
    for database in databases:
        state = database.state()
        if as_json:
            _print_json(
                {"database": database.where, **_plain(state)}, indent=2 if len(databases) == 1 else None
            )
        else:
            _print_state(database.where, state, of_each=of_each)


@engine.command(
    epilog=examples(
        "mycel-runtime engine bury --config agent.toml 3f0c8f5d7a514c0e9d0f6a7b8c9d0e1f",
        "mycel-runtime engine bury --url postgresql://agents@db.example.org/agents --yes"
        " 3f0c8f5d7a514c0e9d0f6a7b8c9d0e1f",
    )
)
@database_options
@click.argument("process_id", metavar="PROCESS")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
def bury(databases: Sequence[JournalDatabase], process_id: str, *, is_sure: bool) -> None:
    """
    Say that PROCESS of `engine status` is gone for good, with its machine for example; with all its agents.

    What it was handling goes on elsewhere by itself when it has been silent for the life of a lease. But what it was
    about to say is parked, as it may be frozen, and say it yet. From now on that is looked for, and said if it is not
    there; what was parked already stays so (`outbox`). A process that was heard of just now is refused, with exit
    code 69.
    """
    from mycel_runtime.cli.terminal import confirm

    if not is_sure:
        confirm("If it comes back, something may be said twice. Is it gone for good?")
    buried = [database for database in databases if database.bury(process_id)]
    if not buried:
        raise click.ClickException(f"there is no process {process_id}; see: mycel-runtime engine status")
    click.echo(f"{buried[0].where}: process {process_id} is gone")


@engine.command(
    epilog=examples(
        "mycel-runtime engine move --config agent.toml --to postgres",
        "mycel-runtime engine move --config agent.toml --to sqlite --url postgresql://agents@db.example.org/agents",
    )
)
@config_option
@click.option(
    "--to", "aim", type=click.Choice(["postgres", "sqlite"]), required=True, help="Where it is to be kept."
)
@url_options
@click.option(
    "--identity", help="The agent's own id, if others share the database and [agent] user_id is not set."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def move(
    config: Path,
    url: str | None,
    password_file: Path | None,
    *,
    aim: str,
    identity: str | None,
    as_json: bool,
) -> None:
    """
    Move an agent's journal from its file into a database, or back, while the agent does not run.

    The database is [engine] url of the agent's file, or --url. What is due, planned, remembered, given up and in
    doubt goes along, and nothing is said twice. What was there is kept, and refused from then on: change [engine] of
    the file accordingly. After an interruption run the same again.
    """
    from mycel_runtime.cli.moving import move_journal

    move_journal(config, address_of(url, password_file) if url else None, aim, identity, as_json=as_json)


def _made(done: Migrated) -> str:
    if not done.before:
        return f"the schema was made, version {done.now}"
    if done.before == done.now:
        return f"the schema is there, version {done.now}"
    return f"the schema was brought from version {done.before} to version {done.now}"


def _print_findings(where: str, findings: list[Any], *, indent: int | None, as_json: bool) -> None:
    from mycel_runtime.checks.finding import findings_json, line_of
    from mycel_runtime.observe.rendering import without_controls

    if as_json:
        _print_json({"database": where, **findings_json(findings)}, indent=indent)
        return
    click.echo(without_controls(where))
    for finding in findings:
        click.echo(f"  {without_controls(line_of(finding))}")


def _print_json(values: dict[str, Any], *, indent: int | None) -> None:
    import json

    click.echo(json.dumps(values, ensure_ascii=False, indent=indent))


def _plain(state: DatabaseState) -> dict[str, Any]:
    from dataclasses import asdict

    return {"schema": 1} | asdict(state)


def _print_state(where: str, state: DatabaseState, *, of_each: bool) -> None:
    from mycel_runtime.counted import counted
    from mycel_runtime.observe.rendering import without_controls

    click.echo(
        f"{where}: version {state.version} of {state.newest_version}, {state.size / 1e6:.1f} MB,"
        f" PostgreSQL {state.server}"
    )
    click.echo(counted(len(state.identities), "identity", "identities"))
    for identity in state.identities:
        click.echo(f"  {without_controls(_identity_line(identity))}")
    programs: dict[str, list[KnownProcess]] = {}
    for process in state.processes:
        programs.setdefault(process.program, []).append(process)
    click.echo(counted(len(programs), "process", "processes"))
    for openings in programs.values():
        for line in [[each] for each in openings] if of_each else [openings]:
            click.echo(f"  {without_controls(_process_line(line))}")


def _identity_line(known: KnownIdentity) -> str:
    from mycel_runtime.counted import counted

    work = f"{known.due} due, {known.running} running, {counted(known.dead, 'dead letter')}"
    return f"{known.identity}  {_holder(known)}  {work}"


def _holder(known: KnownIdentity) -> str:
    if known.lease_seconds is None:
        return "nobody listens"
    if known.host is None:
        return "a process that is gone has listened"
    left = known.lease_seconds
    lease = f"lease for {left:.0f} s" if left > 0 else f"lease over since {-left:.0f} s"
    return f"{known.host}, process {known.pid}, {lease}"


def _process_line(openings: Sequence[KnownProcess]) -> str:
    """Of one process, for one agent or for several; its last word is a number for `bury`."""
    import time

    from mycel_runtime.counted import counted

    first = openings[0]
    listens = [identity for each in openings for identity in each.listens]
    unsettled = sum(each.unsettled for each in openings)
    holds = [
        *([counted(len(openings), "agent")] if len(openings) > 1 else []),
        f"listens to {', '.join(listens) or 'nobody'}"
        if len(listens) <= _LISTED
        else f"listens to {len(listens)} of them",
        f"{sum(each.running for each in openings)} running",
        *([f"{counted(unsettled, 'send')} unsettled"] if unsettled else []),
    ]
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(min(each.opened_at for each in openings)))
    return (
        f"{first.host}, process {first.pid}  since {since}, {_heard(openings)}  {', '.join(holds)}"
        f"  {first.process_id}"
    )


def _heard(openings: Sequence[KnownProcess]) -> str:
    """When it was last heard of, of the agent of which that is longest ago."""
    silent = [each for each in openings if each.is_silent]
    longest = max(each.seen_seconds for each in silent or openings)
    if not silent:
        return f"seen {longest:.0f} s"
    part = f"{len(silent)} of them " if len(silent) < len(openings) else ""
    return f"{part}silent for {longest:.0f} s"
