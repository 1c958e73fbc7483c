"""The state directory, looked at without touching it: whose it is, who can look into it, and what room there is."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from mycel_runtime.checks.finding import Finding, error, ok, warning
from mycel_runtime.daemon.reports.journal_report import FEW_FREE_BYTES, LEAST_FREE_BYTES
from mycel_runtime.daemon.state_dir import KEPT_THERE, name_of_user
from mycel_runtime.errors import JournalFullError, StateDirectoryError

if TYPE_CHECKING:
    from pathlib import Path

_FEW_FILES: Final = 16


def state_findings(state_dir: Path) -> list[Finding]:
    """Of the folder and what lies in it; nothing is made or changed."""
    if not state_dir.exists():
        return [_of_absent(state_dir)]
    if not state_dir.is_dir():
        fix = "Set [agent] state_dir to a folder."
        return [_error("is no folder", fix, state_dir)]
    if not os.access(state_dir, os.R_OK | os.W_OK | os.X_OK):
        return [_error("cannot be written by this user", "Ask as the user whose daemon it is.", state_dir)]
    found = [_of_foreign(path, state_dir) for path in _kept_files(state_dir) if _is_foreign(path, state_dir)]
    # systemd puts a link where the state of a made-up user is looked for.
    mode = stat.S_IMODE(state_dir.stat().st_mode)
    if mode & 0o011:
        found += [_of_open(path) for path in _kept_files(state_dir) if _mode(path) & 0o077]
    if mode & 0o022:
        text = f"others can change what is in it (mode {mode:04o})"
        found.append(warning("state", text, f"chmod 700 '{state_dir}'", subject=str(state_dir)))
    return found or [ok("state", f"mode {mode:04o}, and its files are its owner's", subject=str(state_dir))]


def disk_findings(state_dir: Path) -> list[Finding]:
    """How much room is left where the journal lives or will live."""
    place = _nearest(state_dir)
    try:
        room = os.statvfs(place)
    except OSError as exc:
        return [
            error("disk", f"{exc.strerror}", "Look at its file system.", exit_code=70, subject=str(place))
        ]
    free = room.f_bavail * room.f_frsize
    text = f"{_megabytes(free)} are free"
    # Some file systems count no files.
    if room.f_files and room.f_favail < _FEW_FILES:
        return [_full(f"only {room.f_favail} more files can be made", place)]
    if free < LEAST_FREE_BYTES:
        return [_full(f"only {text}", place)]
    if free < FEW_FREE_BYTES:
        return [warning("disk", f"only {text}", "Make room, before nothing can be kept.", subject=str(place))]
    return [ok("disk", text, subject=str(place))]


def _full(text: str, place: Path) -> Finding:
    fix = "Make room: without it nothing can be kept, and the daemon ends and is started again."
    return error("disk", text, fix, exit_code=JournalFullError.exit_code, subject=str(place))


def _of_absent(state_dir: Path) -> Finding:
    place = _nearest(state_dir)
    if os.access(place, os.W_OK | os.X_OK) and place.is_dir():
        return ok("state", "is made at the first start", subject=str(state_dir))
    return _error(
        f"is not there, and cannot be made by this user in {place}",
        "Set [agent] state_dir to a folder of yours, or ask as the user whose daemon it is.",
        state_dir,
    )


def _kept_files(state_dir: Path) -> list[Path]:
    """Our own there."""
    return [
        path for path in sorted(state_dir.iterdir()) if path.name.startswith(KEPT_THERE) and not path.is_dir()
    ]


def _is_foreign(path: Path, state_dir: Path) -> bool:
    return path.lstat().st_uid != state_dir.stat().st_uid


def _of_foreign(path: Path, state_dir: Path) -> Finding:
    owner, other = name_of_user(state_dir.stat().st_uid), name_of_user(path.lstat().st_uid)
    text = f"belongs to {other}, and the folder to {owner}, whose daemon cannot use it"
    return _error(text, f"chown --reference='{state_dir}' '{path}'", path)


def _of_open(path: Path) -> Finding:
    text = f"others can read it (mode {_mode(path):04o})"
    return warning("state", text, f"chmod 600 '{path}'", subject=str(path))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def _nearest(path: Path) -> Path:
    """The folder itself, or the one in which it would be made."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def _error(text: str, fix: str, path: Path) -> Finding:
    return error("state", text, fix, exit_code=StateDirectoryError.exit_code, subject=str(path))
