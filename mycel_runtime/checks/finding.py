"""What a check has found, as a value; and the exit code of all of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from mycel_runtime.errors import ConfigError, IdentityRefusedError, MycelError
from mycel_runtime.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCHEMA: Final = 1
"""Of the JSON; raised when a member changes its meaning or goes, not when one is added."""

Level: TypeAlias = Literal["ok", "skipped", "warning", "error"]

NAMES: Final = {
    "configuration": "the file can be read, and each of its keys and values is known",
    "configuration.mode": "nobody else can change the file, nor read a token in it",
    "configuration.shared": "no two files of a folder have one state directory or one token",
    "token": "there is one, and nobody else can read its file",
    "network": "the section [network] can be used: certificates, proxy",
    "identity": "the backend takes the token, and it is the agent's own",
    "backend": "it answers, and has what the agent needs",
    "clock": "this machine's clock and the backend's agree",
    "plugin": "it can be imported, in a process of its own, and its settings are right",
    "state": "the state directory can be used, and nobody else can look into it",
    "disk": "there is room where the journal lives",
    "journal": "it opens, and this program knows its version",
    "database": "the database that keeps the journal answers, and is of a version that was tried",
    "database.schema": "its tables are there, and of this program's version",
    "database.rights": "this user may read and write its tables, and change them",
    "database.workers": "this user may use what workers need beside them",
    "database.durability": "what is committed outlives a failure of the power",
    "database.connections": "there are as many as the processes want",
    "database.pooling": "no pooler in between gives each transaction another connection",
    "database.clock": "the database's clock and this machine's agree",
    "sqlite": "the library can do what the journal needs, and has no known bug",
    "daemon": "it answers, is ready, and runs the version that is installed",
    "twin": "nobody else runs or speaks as this agent",
    "unit": "what systemd has is what this version prints",
    "unit.credential": "what the unit hands over is there, nobody else can read it, and the daemon has it",
}
"""Every name that a finding may have, and what holds when it is well."""

_WORST_FIRST: Final = (78, 77, 69, 70, 75)
"""Exit codes: those that a new start cannot help before those that it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing that was looked at.

    Attributes:
        name: One of `NAMES`.
        level: `warning` is for what works and is not well; only an `error` has an exit code.
        text: What was found, a clause; no secret, and nothing that anybody said.
        subject: Which one, where there may be several: a file, a plugin.
        fix: What to do, a sentence; empty where nothing is to be done.
        exit_code: What the daemon would end with, or ends with.
    """

    name: str
    level: Level
    text: str
    subject: str = ""
    fix: str = ""
    exit_code: int = 0


def ok(name: str, text: str, *, subject: str = "") -> Finding:
    """All is well."""
    return Finding(name=name, level="ok", text=text, subject=subject)


def skipped(name: str, text: str, *, subject: str = "") -> Finding:
    """It could not be looked at, for a reason that is no fault, or that another finding tells."""
    return Finding(name=name, level="skipped", text=text, subject=subject)


def warning(name: str, text: str, fix: str, *, subject: str = "") -> Finding:
    """It works, and is not well."""
    return Finding(name=name, level="warning", text=text, fix=fix, subject=subject)


def error(name: str, text: str, fix: str, *, exit_code: int, subject: str = "") -> Finding:
    """The daemon would not do its work."""
    return Finding(name=name, level="error", text=text, fix=fix, exit_code=exit_code, subject=subject)


def errors_from(name: str, exc: MycelError, *, subject: str = "") -> list[Finding]:
    """What an error says, with its own exit code: one finding for each mistake that it tells."""
    if isinstance(exc, ConfigError) and exc.parts:
        return [finding for part in exc.parts for finding in errors_from(name, part, subject=subject)]
    if isinstance(exc, ConfigError):
        text = ": ".join(part for part in (exc.where, exc.problem) if part)
        fix = exc.fix
    elif isinstance(exc, IdentityRefusedError):
        text, fix = f"{exc.server}: the token was refused ({exc.detail})", exc.fix
    else:
        text, _, fix = str(exc).partition("\n  ")
    return [error(name, text, fix, exit_code=exc.exit_code, subject=subject)]


def exit_code_of(findings: Iterable[Finding]) -> int:
    """That of the worst error; 0 without one, whatever is warned of."""
    codes = {finding.exit_code for finding in findings if finding.level == "error"}
    return next((code for code in _WORST_FIRST if code in codes), max(codes, default=0))


def as_json(config: str, agent: str | None, findings: Sequence[Finding]) -> dict[str, Any]:
    """
    One agent's findings for a program.

    Args:
        config: Its file.
        agent: Its name; `None` if the file does not tell.
        findings: In the order in which they were made.
    """
    found = findings_json(findings)
    return {"schema": found.pop("schema"), "config": config, "agent": agent, **found}


def findings_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """The same, of whatever was looked at."""
    return {
        "schema": SCHEMA,
        "exit_code": exit_code_of(findings),
        "findings": [
            {
                "name": finding.name,
                "level": finding.level,
                "subject": finding.subject,
                "text": finding.text,
                "fix": finding.fix,
                "exit_code": finding.exit_code,
            }
            for finding in findings
        ],
    }


def line_of(finding: Finding) -> str:
    """For a person."""
    subject = f" {finding.subject}" if finding.subject else ""
    text = f"{finding.level:<8} {finding.name}{subject}: {_one_line(finding.text)}"
    return f"{text}. {_one_line(finding.fix)}" if finding.fix else text


def _one_line(text: str) -> str:
    return " ".join(text.split())
