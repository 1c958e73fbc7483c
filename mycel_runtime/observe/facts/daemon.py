"""The process, its configuration, its journal's lock, and what fails in it that nobody expects."""

from __future__ import annotations

from typing import ClassVar

from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.observe.facts.fact import Fact, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStarted(Fact):
    """
    Configuration, journal, plugins and lock stand.

    Attributes:
        agent: Its name.
        server: The backend's address.
        state_dir: Where the journal is.
        handlers: How many there are.
    """

    name: ClassVar[str] = "daemon.started"
    agent: str
    server: str
    state_dir: str
    handlers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStoreMissing(Fact):
    """
    The system has no certificates of authorities, so that those which come with the runtime are trusted.

    Attributes:
        fix: What to do.
    """

    name: ClassVar[str] = "system_store.missing"
    level: ClassVar[Level] = "warning"
    fix: str = 'Install the system\'s ca-certificates, or set [network] ca_file, or trust = "bundled".'


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneCallsRestarted(Fact):
    """
    What calls a worker to lanes with work was lost, with its database mostly, and is begun anew.

    What runs goes on, and what is due waits for it or is called elsewhere.

    Attributes:
        reason: In a word or two.
    """

    name: ClassVar[str] = "lane_calls.restarted"
    level: ClassVar[Level] = "warning"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStopping(Fact):
    """
    A signal or an error asked for the end; running deliveries are drained first.

    Attributes:
        reason: The signal's name, or what has ended the agent.
        drain_timeout: Seconds that running deliveries get.
    """

    name: ClassVar[str] = "daemon.stopping"
    reason: str
    drain_timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStopped(Fact):
    """
    `abandoned` deliveries were still running; they are due again at the next start.

    Attributes:
        abandoned: Deliveries that were still running.
    """

    name: ClassVar[str] = "daemon.stopped"
    abandoned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFailed(Fact):
    """
    One of several agents ended by an error; the others go on.

    Attributes:
        error: The type's name.
        exit_code: With which the process would end if this were its only agent.
        reason: In our own words; empty if it is a fault of ours.
    """

    name: ClassVar[str] = "agent.failed"
    level: ClassVar[Level] = "error"
    error: str
    reason: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRefused(Fact):
    """
    One of several configuration files is wrong; its agent is not started, the others are. A reload tries it again.

    Attributes:
        where: The file, with key or line.
        problem: What is wrong.
        fix: What to do.
    """

    name: ClassVar[str] = "config.refused"
    level: ClassVar[Level] = "error"
    where: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigReloaded(Fact):
    """
    The file was read again.

    Attributes:
        changed: Keys that have changed from now on, as `[section] key`.
        needs_restart: Keys that are otherwise in the file and do not hold before a restart.
    """

    name: ClassVar[str] = "config.reloaded"
    changed: str
    needs_restart: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadRefused(Fact):
    """
    The file was read again and is wrong: nothing has changed.

    Attributes:
        problem: What is wrong with it, and where.
    """

    name: ClassVar[str] = "reload.refused"
    level: ClassVar[Level] = "error"
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFilesChanged(Fact):
    """
    Files of agents have come into a folder or gone from it, named by their paths.

    Attributes:
        added: Those that have come; their agents are started now.
        removed: Those that have gone; their agents are drained now and end, unless no other agent lives.
    """

    name: ClassVar[str] = "agent_files.changed"
    level: ClassVar[Level] = "warning"
    added: str
    removed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptorsScarce(Fact):
    """
    The process may open fewer files and sockets than its agents need together: some of them will not hear.

    Attributes:
        limit: The hard limit.
        needed: That would do.
        fix: What to do.
    """

    name: ClassVar[str] = "descriptors.scarce"
    level: ClassVar[Level] = "error"
    limit: int
    needed: int
    fix: str = (
        "Raise the unit's LimitNOFILE (a shell's `ulimit -Hn`) to that, or run fewer agents in one process."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesDropped(Fact):
    """
    Standard output or error could not be written: so many lines were lost since this was last told.

    Attributes:
        lines: How many.
    """

    name: ClassVar[str] = "lines.dropped"
    level: ClassVar[Level] = "warning"
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureFailed(Fact):
    """
    What runs are shown is not kept for the time being, for `reason`; a replay reads it again.

    Attributes:
        reason: In our own words, or the system's.
    """

    name: ClassVar[str] = "capture.failed"
    level: ClassVar[Level] = "warning"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureKept(Fact):
    """What runs are shown is kept again."""

    name: ClassVar[str] = "capture.kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRemoved(Fact):
    """
    What runs were shown is not to be kept any more: the file is gone.

    Attributes:
        file: Its path.
    """

    name: ClassVar[str] = "capture.removed"
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesLost(Fact):
    """
    The receiver of traces does not take them; told once, until it does again. No delivery waits for it.

    Attributes:
        endpoint: Its address.
    """

    name: ClassVar[str] = "traces.lost"
    level: ClassVar[Level] = "warning"
    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesTaken(Fact):
    """
    The receiver of traces takes them again.

    Attributes:
        lost: Spans that were not taken meanwhile.
    """

    name: ClassVar[str] = "traces.taken"
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLocked(Fact):
    """Another program holds the journal's write lock; nothing is committed until it lets go."""

    name: ClassVar[str] = "journal.locked"
    level: ClassVar[Level] = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalUnlocked(Fact):
    """
    It has let go, after `waited` seconds.

    Attributes:
        waited: Seconds.
    """

    name: ClassVar[str] = "journal.unlocked"
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLost(Fact):
    """
    The database that keeps the journal cannot be reached, or takes nothing more; it is waited for.

    Attributes:
        where: The database, without a password.
        reason: In the words of the database, or of what is in between; each one is told once.
        waited: Seconds by now.
    """

    name: ClassVar[str] = "database.lost"
    level: ClassVar[Level] = "error"
    where: str
    reason: str
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseNewer(Fact):
    """
    A newer program has brought the tables on; they serve this one yet, which is to be upgraded, too.

    Attributes:
        where: The database, without a password.
        version: Of the tables.
        known: The newest that this program knows.
    """

    name: ClassVar[str] = "database.newer"
    level: ClassVar[Level] = "warning"
    where: str
    version: int
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseRegained(Fact):
    """
    It is there again, and what was asked meanwhile is done.

    Attributes:
        where: The database, without a password.
        waited: Seconds.
    """

    name: ClassVar[str] = "database.regained"
    where: str
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFull(Fact):
    """
    There is no room where the journal lives; the start waits until there is.

    Attributes:
        where: The folder.
        detail: How much there is.
    """

    name: ClassVar[str] = "disk.full"
    level: ClassVar[Level] = "error"
    where: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFreed(Fact):
    """
    There is room again, after `waited` seconds; the start goes on.

    Attributes:
        waited: Seconds.
    """

    name: ClassVar[str] = "disk.freed"
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed(Fact):
    """
    A scheduled job raised; it runs again at its next time.

    Attributes:
        job: Its name.
        error: The type's name.
    """

    name: ClassVar[str] = "job.failed"
    level: ClassVar[Level] = "error"
    job: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnhandledErrorRaised(Fact):
    """
    Something raised where nobody awaits it: in what a handler has left behind.

    Attributes:
        kind: `task`, `thread` or `finalizer`.
        error: The type's name; empty when nothing was raised, as by a task that never ended.
        trace: Files, lines and functions.
    """

    name: ClassVar[str] = "unhandled_error.raised"
    level: ClassVar[Level] = "error"
    alike_by: ClassVar[tuple[str, ...]] = ("kind", "error", "trace")
    kind: str
    error: str
    trace: str
