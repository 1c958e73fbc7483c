"""
Where owners are kept: `mycel-runtime/owners` below the XDG config home, a file for each backend, mode 0600.

Source: XDG base directory specification; a relative XDG_CONFIG_HOME is none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from mycel_runtime.errors import ConfigError
from mycel_runtime.settings.base_directories import base_directory
from mycel_runtime.setup.owner import Owner
from mycel_runtime.setup.private_file import write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mycel_runtime.setup.owner import MadeAgent


_LOCK_SECONDS: Final = 10.0
"""For another process to have written; it takes milliseconds."""

_LOOK_SECONDS: Final = 0.02


def read_owner(base_url: str) -> Owner | None:
    """
    The owner that is known for a backend.

    Raises:
        ConfigError: The file cannot be read, is open to others, or is damaged.
    """
    return _read(owner_path(base_url))


def read_owners() -> list[Owner]:
    """All that are known; raises as `read_owner`."""
    found = (_read(path) for path in sorted(_folder().glob("*.json")))
    return [owner for owner in found if owner is not None]


def write_owner(owner: Owner) -> Path:
    """
    Keep an owner, in place of the one before; the agents that were made on this machine stay known.

    Raises:
        ConfigError: It cannot be written.
    """
    path = owner_path(owner.base_url)
    with _alone(path.parent):
        former = _read(path)
        agents = owner.agents or (former.agents if former else ())
        _write(path, owner.model_copy(update={"agents": agents}))
    return path


def set_guest_aside(successor: Owner) -> Path | None:
    """
    Keep a guest's token from being written over: nobody can have it again.

    Args:
        successor: Who is to be kept in his place.

    Returns:
        Where it is then; `None`: no other guest was kept.

    Raises:
        ConfigError: It cannot be written.
    """
    path = owner_path(successor.base_url)
    former = _read(path)
    if former is None or former.identifier is not None or former.user_id == successor.user_id:
        return None
    aside = path.with_suffix(f".{former.user_id}.former")
    with _alone(path.parent):
        _write(aside, former)
    return aside


def forget_owner(base_url: str) -> None:
    """
    Forget the owner that is kept for a backend, his token, and which agents were made on this machine.

    Raises:
        ConfigError: The file cannot be removed.
    """
    path = owner_path(base_url)
    with _alone(path.parent):
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise ConfigError(
                f"cannot be removed: {exc.strerror}", where=str(path), fix="Check the folder's permissions."
            ) from exc


def add_agent(owner: Owner, agent: MadeAgent) -> None:
    """
    Remember an agent that was made.

    Raises:
        ConfigError: It cannot be written.
    """
    path = owner_path(owner.base_url)
    with _alone(path.parent):
        kept = _read(path) or owner
        others = tuple(each for each in kept.agents if each.user_id != agent.user_id)
        _write(path, kept.model_copy(update={"agents": (*others, agent)}))


def owner_path(base_url: str) -> Path:
    """The file of a backend."""
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", urlsplit(base_url).netloc.rpartition("@")[2])
    return _folder() / f"{host}-{hashlib.sha256(base_url.encode()).hexdigest()[:8]}.json"


def _folder() -> Path:
    home = base_directory("XDG_CONFIG_HOME", ".config", holds="a login", fix="Set XDG_CONFIG_HOME, or HOME.")
    return home / "mycel-runtime" / "owners"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else on this machine changes what is kept: else one of two agents made at a time would be forgotten."""
    _make(folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise ConfigError(
                    "another process keeps it locked", where=str(folder), fix="Wait until that one has ended."
                ) from None
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _write(path: Path, owner: Owner) -> None:
    write_file(path, owner.model_dump_json(indent=2) + "\n")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(
            f"cannot be made: {exc.strerror}",
            where=str(folder),
            fix="Set XDG_CONFIG_HOME to a folder of yours.",
        ) from exc


def _read(path: Path) -> Owner | None:
    try:
        with path.open("rb") as file:
            data, mode = file.read(), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ConfigError(
            f"cannot be read: {exc.strerror}", where=str(path), fix="Check its permissions."
        ) from exc
    if mode & 0o077:
        raise ConfigError(
            f"an owner's token, and the file is open to others (mode {mode:04o})",
            where=str(path),
            fix=f"chmod 600 '{path}'",
        )
    try:
        return Owner.model_validate_json(data)
    except ValidationError:
        raise ConfigError(
            "no login can be read from it", where=str(path), fix="Remove it, then: mycel-runtime login"
        ) from None
