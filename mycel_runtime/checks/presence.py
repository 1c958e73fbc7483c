"""The agent's daemon, if it runs, and anybody else who runs or speaks as the agent. No lock is taken."""

from __future__ import annotations

import contextlib
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.checks.finding import Finding, error, errors_from, ok, skipped, warning
from mycel_runtime.counted import counted
from mycel_runtime.daemon.control import ask_status
from mycel_runtime.errors import (
    ApiError,
    ControlError,
    IdentityHeldError,
    JournalError,
    JournalFileError,
    MycelError,
    NoDaemonError,
)
from mycel_runtime.inbox.guarded_queries import ODD_ANSWER
from mycel_runtime.speech.own_messages import own_messages, unexplained
from mycel_runtime.speech.twin_watch import SIGN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mycel_runtime.daemon.status import Status
    from mycel_runtime.journal.port.engine import JournalEngine, JournalFiles
    from mycel_runtime.journal.port.reader import JournalReader
    from mycel_runtime.sdk import Client
    from mycel_runtime.wire.ids import UserId
    from mycel_runtime.wire.resources import Message

_LOCKS: Final = Path("/proc/locks")

_CHATS: Final = 20
"""Whose newest messages are read."""

_MESSAGES: Final = 50

_STOP_OTHER: Final = "Stop the other one; then: mycel-runtime resume twin"


def daemon_findings(state_dir: Path, files: JournalFiles | None) -> tuple[list[Finding], Status | None]:
    """
    Whether the daemon runs and is well; its status, if it does.

    Args:
        state_dir: The agent's.
        files: Of its journal, which a daemon that does not answer has locked; `None`: it has none.
    """
    try:
        status = ask_status(state_dir)
    except NoDaemonError:
        return _of_lock(state_dir, files), None
    except (ControlError, MycelError) as exc:
        return errors_from("daemon", exc), None
    findings = [*_of_version(status), *_of_readiness(status), *_of_twin(status)]
    return findings or [ok("daemon", f"runs and is ready (pid {status.pid})")], status


def _of_version(status: Status) -> list[Finding]:
    installed = version_of("mycel-runtime")
    if status.version == installed:
        return []
    text = f"version {status.version} runs, and {installed} is installed"
    return [warning("daemon", text, "Restart the daemon to use it.")]


def _of_readiness(status: Status) -> list[Finding]:
    problems = [problem for problem in status.problems if not problem.startswith(SIGN)]
    if status.ready or not problems:
        return []
    text = f"runs (pid {status.pid}) and is not ready: {'; '.join(problems)}"
    return [warning("daemon", text, "See: mycel-runtime status")]


def _of_twin(status: Status) -> list[Finding]:
    return [
        error("twin", problem, _STOP_OTHER, exit_code=IdentityHeldError.exit_code)
        for problem in status.problems
        if problem.startswith(SIGN)
    ]


def _of_lock(state_dir: Path, files: JournalFiles | None) -> list[Finding]:
    """Nobody answers: then nobody may hold the lock."""
    holder = None if files is None else lock_holder(files.locked)
    if holder is None:
        return [ok("daemon", "does not run")]
    text = f"pid {holder} holds the journal, and does not answer on the control socket"
    fix = f"Look at it: ps -fp {holder}. Stop it, or give this agent a state_dir of its own."
    return [error("daemon", text, fix, exit_code=IdentityHeldError.exit_code, subject=str(state_dir))]


def lock_holder(places: Iterable[Path]) -> int | None:
    """The pid that has locked one of these, as the kernel lists it; asking for the lock would be to take it."""
    for place in places:
        with contextlib.suppress(OSError):
            for pid, inode in _flocks():
                if inode == place.stat().st_ino and _has_open(pid, place):
                    return pid
    return None


def _flocks() -> list[tuple[int, int]]:
    """Pid and inode of each lock of the kind that is ours."""
    rows = [line.split() for line in _LOCKS.read_text(encoding="ascii").splitlines()]
    # Blocked waiters have an arrow in second place, and so another word in third.
    return [(int(row[4]), int(row[5].rpartition(":")[2])) for row in rows if row[1] == "FLOCK"]


def _has_open(pid: int, place: Path) -> bool:
    """Whether that inode is of this file system: the list's devices are not always those of `stat`."""
    try:
        return any(each.samefile(place) for each in _descriptors(pid))
    except PermissionError:
        return True  # Another user's process; its inode has to do.


def _descriptors(pid: int) -> list[Path]:
    return [each for each in Path(f"/proc/{pid}/fd").iterdir() if each.exists()]


def stranger_findings(client: Client, me: UserId, engine: JournalEngine) -> list[Finding]:
    """
    Whether somebody has spoken as the agent since its journal's last word, while no daemon watches.

    Reads the newest messages of the liveliest chats; no cursor moves.
    """
    if not engine.exists():
        return [skipped("twin", "there is no journal that knows what the agent has said")]
    try:
        chats = client.chats.list()[:_CHATS]
        strange = {
            str(chat["id"]): said
            for chat in chats
            if (said := _strange(client, me, engine.reader, str(chat["id"])))
        }
    except (ApiError, JournalError, JournalFileError, *ODD_ANSWER) as exc:
        return [skipped("twin", f"the agent's chats could not be compared: {type(exc).__name__}")]
    if not strange:
        return [ok("twin", f"nobody else has spoken as this agent in {counted(len(chats), 'chat')}")]
    count = sum(map(len, strange.values()))
    text = f"somebody else has said {counted(count, 'message')} as this agent in chat {', '.join(strange)}"
    fix = (
        "Stop the other one before the daemon starts, or use the newer journal if this is an old copy; what was"
        " answered so becomes dead letters, and is not answered again."
    )
    return [warning("twin", text, fix)]


def _strange(client: Client, me: UserId, reader: JournalReader, chat_id: str) -> Sequence[Message]:
    """Own messages that the journal has not sent, above the last one that it has."""
    own = own_messages(client.messages.list(chat_id, limit=_MESSAGES), me=me, after_seq=0)
    if not own:
        return []
    strange = unexplained(own, reader.own_sends(me, chat_id=chat_id))
    strange_ids = {message["id"] for message in strange}
    last = max((message["seq"] for message in own if message["id"] not in strange_ids), default=None)
    return [] if last is None else [message for message in strange if message["seq"] > last]
