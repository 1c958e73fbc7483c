"""What the operator of a database should know of it before agents keep their journals there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.checks.finding import Finding, error, errors_from, ok, warning
from mycel_runtime.counted import counted
from mycel_runtime.errors import ConfigError, JournalError

if TYPE_CHECKING:
    from mycel_runtime.journal.database import DatabaseLook, MissingRights
    from mycel_runtime.journal.port.database import JournalDatabase

OLDEST_TRIED: Final = 150_000
"""Of the servers that the engine was run on."""

CLOCK_SECONDS: Final = 2.0
"""Difference from which on times in logs mislead."""

_NAMED_RIGHTS: Final = 3
"""Of those that are missing; the fix is about all of them."""

_CODE: Final = ConfigError.exit_code


def database_findings(database: JournalDatabase, *, processes: int = 1) -> list[Finding]:
    """
    Look at it; nothing is changed.

    Args:
        database: Which.
        processes: How many are to have it open at the same time, on all hosts together.
    """
    try:
        look = database.look()
    except (ConfigError, JournalError) as exc:
        return errors_from("database", exc, subject=database.where)
    return [
        _server(look, database.where),
        _schema(look),
        _rights(look),
        _workers(look),
        _durability(look),
        _connections(look, processes),
        _pooling(look),
        _clock(look),
    ]


def _server(look: DatabaseLook, where: str) -> Finding:
    text = f"PostgreSQL {look.server}"
    if look.server_number < OLDEST_TRIED:
        fix = f"Use version {OLDEST_TRIED // 10_000} or later."
        return warning("database", f"{text}, on which mycel-runtime was not tried", fix, subject=where)
    return ok("database", text, subject=where)


def _schema(look: DatabaseLook) -> Finding:
    text = f"version {look.version} of {look.newest_version}"
    if look.encoding != "UTF8":
        fix = "Make a database with ENCODING 'UTF8'."
        return error("database.schema", f"text is kept as {look.encoding}", fix, exit_code=_CODE)
    if not look.version:
        fix = "Make it: mycel-runtime engine init; or let the first start do so."
        return warning("database.schema", "there is none yet", fix)
    if look.serves > look.newest_version:
        text = f"version {look.version}, this program knows {look.newest_version}"
        return error("database.schema", text, "Upgrade mycel-runtime.", exit_code=_CODE)
    if look.version > look.newest_version:
        return warning("database.schema", f"{text}: a newer program's, which serves this one yet", _UPGRADE)
    if look.version < look.newest_version:
        fix = "mycel-runtime engine migrate; or let the first start of this version do so."
        return warning("database.schema", text, fix)
    return ok("database.schema", text)


_UPGRADE: Final = "Upgrade mycel-runtime here, too."


def _rights(look: DatabaseLook) -> Finding:
    if not look.version and not look.may_change:
        fix = "Make this user the database's owner, or make them as the owner: mycel-runtime engine init --url URL"
        return error("database.rights", "this user may make no tables", fix, exit_code=_CODE)
    if look.version and look.missing.what:
        return error("database.rights", _lacking(look.missing), _granted(look.missing), exit_code=_CODE)
    if not look.may_change:
        fix = "Before an upgrade, as the tables' owner: mycel-runtime engine migrate --url URL"
        return warning("database.rights", "this user may use the tables, and not change them", fix)
    return ok("database.rights", "this user may use the tables, and change them")


def _workers(look: DatabaseLook) -> Finding:
    missing = look.missing_of_workers
    if missing is None:
        text = "what workers need was not made yet"
        if look.may_change:
            return ok("database.workers", f"{text}; the first one makes it")
        fix = "If there are to be workers, as the database's owner: mycel-runtime engine init --url URL"
        return warning("database.workers", text, fix)
    if missing.what:
        return warning("database.workers", f"{_lacking(missing)}: no worker can run", _granted(missing))
    return ok("database.workers", "this user may use what workers need")


def _lacking(missing: MissingRights) -> str:
    more = len(missing.what) - _NAMED_RIGHTS
    named = ", ".join(missing.what[:_NAMED_RIGHTS])
    return f"this user lacks {named}{f' and {more} more' if more > 0 else ''}"


def _granted(missing: MissingRights) -> str:
    return f"As the owner, in this database: {' '.join(missing.grants)}"


def _durability(look: DatabaseLook) -> Finding:
    off = [name for name in ("fsync", "full_page_writes") if not getattr(look, name)]
    if off:
        text = f"{' and '.join(off)} off: what was heard and said may be gone when the power fails"
        return warning("database.durability", text, "Switch that on in postgresql.conf.")
    return ok("database.durability", "fsync and full_page_writes are on")


def _connections(look: DatabaseLook, processes: int) -> Finding:
    free = max(look.connections - look.used_connections, 0)
    room = free // look.connections_each
    text = (
        f"{look.connections}, of which {look.used_connections} are in use: room for"
        f" {counted(room, 'more process', 'more processes')}, of up to {look.connections_each} each"
    )
    needed = processes * look.connections_each
    if room >= processes:
        return ok("database.connections", text)
    fix = f"Set max_connections to {look.used_connections + needed} or more; or raise this user's limit."
    if not free:
        return error("database.connections", text, fix, exit_code=75)
    return warning("database.connections", text, fix)


def _pooling(look: DatabaseLook) -> Finding:
    if look.is_pooled:
        text = "a pooler gives each transaction another connection: nothing is heard of what others make due"
        fix = "Name the database itself in the URL, or a pooler that gives each session a connection."
        return error("database.pooling", text, fix, exit_code=_CODE)
    return ok("database.pooling", "a connection stays the same one")


def _clock(look: DatabaseLook) -> Finding:
    ahead = look.clock_ahead
    if abs(ahead) <= CLOCK_SECONDS + look.clock_doubt:
        return ok("database.clock", f"differs by less than {CLOCK_SECONDS:.0f} s from this machine's")
    text = f"is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    return warning("database.clock", text, "Let both follow the same time, by NTP for example.")
