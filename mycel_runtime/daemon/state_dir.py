"""The folder in which an agent keeps its journal: made, refused because it is somebody else's, or found again."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.errors import StateDirectoryError
from mycel_runtime.journal.file_name import IDENTITY_NAME, JOURNAL_NAME, is_journal

if TYPE_CHECKING:
    from mycel_runtime.settings import Settings

UNIT_STATE: Final = Path("/var/lib/mycel-runtime")
"""Below it `systemd/mycel-runtime@.service` has a state directory for each instance."""

SOCKET_NAME: Final = "control.sock"

KEPT_THERE: Final = ("journal.", "control.", "backend.", "embedded")
"""How the names of our own files begin; a plugin may keep others there."""


def make_state_dir(path: Path) -> None:
    """
    Create the state directory, for its owner only.

    Raises:
        StateDirectoryError: It cannot be created or written, or another user's agent lives there.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch(mode=0o600)
        # Not always our user's number: some file systems give every file to one user.
        ours = probe.stat().st_uid
        probe.unlink()
    except OSError as exc:
        raise _unusable(path, exc) from exc
    _require_own_files(path, ours)


def find_state_dir(settings: Settings, config: Path) -> Path:
    """
    Where the daemon of a configuration has its state, asked by somebody who is not that daemon.

    The unit tells its daemon the folder by a variable that nobody else has. So the folders of the instances that the
    file and the agent are named after, and that of the unit of the file's folder, are looked at too: first for a
    daemon, then for a journal, of which a file that was left by a move into the database is the last sign.

    Raises:
        ConfigError: No folder can be told.
        StateDirectoryError: One of them may not be looked into.
    """
    if settings.agent.state_dir is not None:
        return settings.agent.state_dir
    places = [
        settings.state_dir,
        UNIT_STATE / config.stem,
        UNIT_STATE / settings.agent.name,
        state_of_folder(config.absolute().parent) / settings.agent.name,
    ]
    kept = (JOURNAL_NAME,) if settings.engine.url is None else (IDENTITY_NAME, JOURNAL_NAME)
    for name in (SOCKET_NAME, *kept):
        for place in places:
            if _is_there(place / name):
                return place
    return places[0]


def has_journal(folder: Path) -> bool:
    """Whether an agent has lived in a state directory, by the file of its journal there."""
    return (folder / JOURNAL_NAME).exists()


def is_unmoved(folder: Path) -> bool:
    """
    Whether the file there is a journal yet, and not what a move has left.

    Raises:
        StateDirectoryError: It may not be read.
    """
    try:
        return is_journal(folder / JOURNAL_NAME)
    except OSError as exc:
        raise _unusable(folder, exc) from exc


def place_of_worker(state_dir: Path, name: str) -> Path:
    """The state directory of one of an agent's workers on this host."""
    return state_dir / "workers" / name


def state_of_folder(folder: Path) -> Path:
    """
    Where a unit like `systemd/mycel-runtime-agents.service` has a state directory for each agent, named after it.

    Args:
        folder: Of the agents' files; the unit is called after it.
    """
    return UNIT_STATE.with_name(f"{UNIT_STATE.name}-{folder.name}") / UNIT_STATE.name


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except PermissionError as exc:
        raise StateDirectoryError(
            f"may not be looked into by {name_of_user(os.geteuid())}",
            where=str(path.parent),
            fix="Ask as root, or as the user whose daemon it is.",
        ) from exc
    except OSError:
        return False
    return True


def _require_own_files(path: Path, ours: int) -> None:
    """
    Refuse another user's agent.

    Nobody else can work on its files, and root would leave some of its own behind that lock their owner out.

    Args:
        path: The state directory.
        ours: Whose a file is that we make there.

    Raises:
        StateDirectoryError: Something of ours there belongs to another user.
    """
    for entry in _entries(path):
        owner = entry.stat(follow_symlinks=False).st_uid
        if owner != ours and entry.name.startswith(KEPT_THERE):
            raise StateDirectoryError(
                f"belongs to {name_of_user(owner)}, and this is {name_of_user(os.geteuid())}",
                where=entry.path,
                fix=f"Run this as {name_of_user(owner)}, or set [agent] state_dir to a folder of your own.",
            )


def _entries(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as exc:
        raise _unusable(path, exc) from exc


def _unusable(path: Path, exc: OSError) -> StateDirectoryError:
    owner = _owner(path)
    whose = f"; {owner} owns it, and this is {name_of_user(os.geteuid())}" if owner else ""
    return StateDirectoryError(
        f"cannot be used: {exc.strerror}{whose}",
        where=str(path),
        fix="Set [agent] state_dir to a folder of yours.",
    )


def _owner(path: Path) -> str:
    """Whose the nearest existing folder is, if it is another user's."""
    for folder in (path, *path.parents):
        try:
            owner = folder.stat().st_uid
        except OSError:
            continue
        return "" if owner == os.geteuid() else name_of_user(owner)
    return ""


def name_of_user(user: int) -> str:
    """`user NAME`, or `user NUMBER` of one that has no name here."""
    try:
        return f"user {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"user {user}"
