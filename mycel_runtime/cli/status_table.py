"""Several agents as a table, a line for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mycel_runtime.cli.status_lines import bounded, megabytes
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mycel_runtime.daemon.status import Status

_HEAD: Final = ("AGENT", "STATE", "HEARD", "DUE", "OLDEST", "DEAD", "UNKNOWN", "JOURNAL", "WHAT IS WRONG")

_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One agent.

    Attributes:
        name: As its file says; the file's name if that cannot be read.
        status: `None`: it has told none.
        trouble: Why it has told none; beside a status, what is wrong with its file by now.
        server: Its backend, as its file says; empty if that cannot be read.
        plugins: Names of its tables there.
    """

    name: str
    status: Status | None = None
    trouble: str = ""
    server: str = ""
    plugins: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether its hearing is proven."""
        return self.status is not None and self.status.ready

    @property
    def state(self) -> str:
        """As the table shows it."""
        if self.status is None:
            return "no answer"
        if self.status.standby is not None and self.status.ready:
            return "standby"
        return "ready" if self.status.ready else "not ready"

    @property
    def wants_attention(self) -> bool:
        """Whether an operator has something to do or to decide."""
        return not self.is_ready or bool(_notes(self.status))


def table_of(rows: Sequence[Row]) -> list[str]:
    """Aligned, with a heading."""
    cells = [_HEAD, *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEAD))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _cells(row: Row) -> tuple[str, ...]:
    now = row.status
    if now is None:
        return (row.name, row.state, *("-" for _ in _HEAD[3:]), row.trouble)
    heard, work = now.hearing.proven_at, now.work
    never = "never" if now.standby is None else "-"
    return (
        row.name,
        row.state,
        never if heard is None else span(now.now - heard),
        bounded(work.due),
        "-" if work.oldest is None else span(now.now - work.oldest.since),
        bounded(work.dead_letters),
        str(now.speaking.unknown),
        "database" if now.journal.database else megabytes(now.journal.size),
        "; ".join([*now.problems, *_notes(now)]),
    )


def _notes(now: Status | None) -> list[str]:
    """What is to be done by somebody, beside what keeps it from being ready."""
    if now is None:
        return []
    return [
        *_counted_note(now.work.dead_letters, "dead letters"),
        *_counted_note(now.speaking.unknown, "unknown sends"),
        *_named_note("paused", (f"{pause.kind} {pause.name}".rstrip() for pause in now.work.paused)),
        *_named_note("held", now.speaking.held),
        *_named_note("blocked", (chat.chat_id for chat in now.work.blocked_chats)),
        *_named_note("left alone", now.work.quarantined),
        *_named_note("not started", (start.plugin for start in now.work.not_started if start.attempts)),
        *_program_notes(now),
        *([f"only {megabytes(now.journal.free or 0)} free"] if now.journal.is_cramped else []),
        *_counted_note(now.log.dropped_lines, "log lines dropped"),
    ]


def _program_notes(now: Status) -> list[str]:
    if now.program is None:
        return []
    outdated = [f"version {now.program.installed} is installed"] if now.program.is_outdated else []
    return outdated + (["configuration changed"] if now.program.config == "drift" else [])


def _counted_note(count: int, what: str) -> list[str]:
    return [f"{bounded(count)} {what}"] if count else []


def _named_note(what: str, names: Iterable[str]) -> list[str]:
    found = list(names)
    return [f"{what}: {', '.join(found)}"] if found else []


def span(seconds: float) -> str:
    """`12s`, `3m`, `4h`, `5d`."""
    for unit, letter in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= unit:
            return f"{seconds / unit:.0f}{letter}"
    return f"{max(0.0, seconds):.0f}s"
