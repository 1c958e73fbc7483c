"""
What is made for an agent that a unit is to run.

Its folder can be read by the unit's user; its token by root only, for systemd hands that over.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mycel_runtime.daemon.state_dir import find_state_dir
from mycel_runtime.errors import ConfigError
from mycel_runtime.setup.trial import status_of
from mycel_runtime.units.places import is_for_unit, is_of_folder, tokens_beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mycel_runtime.settings import Settings


def is_left_to_unit(config: Path, settings: Settings) -> bool:
    """
    Whether it is for a unit to start the agent, which does not run: in its sandbox, and not as root.

    Args:
        config: The agent's file.
        settings: The agent's.

    Raises:
        StateDirectoryError: Its state directory may not be looked into.
    """
    return is_for_unit(config) and status_of(find_state_dir(settings, config)) is None


def token_file_of(config: Path, name: str) -> str:
    """
    Where the token of a new agent belongs, as its file names it: beside the file, or where the folder's unit looks.

    Args:
        config: The agent's file.
        name: The agent's.
    """
    return str(tokens_beside(config.parent) / name) if is_of_folder(config) else f"{name}.token"


@contextlib.contextmanager
def unit_folders(config: Path) -> Iterator[None]:
    """
    The folders of a file that a unit is to run, made where they are missing.

    What was made and is empty is taken back if the block raises.

    Raises:
        ConfigError: One cannot be made.
    """
    with contextlib.ExitStack() as undo:
        if is_for_unit(config):
            folder = config.absolute().parent
            _make(folder, 0o755, undo)
            if is_of_folder(config):
                _make(tokens_beside(folder), 0o700, undo)
        yield
        undo.pop_all()


def _make(folder: Path, mode: int, undo: contextlib.ExitStack) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        try:
            each.mkdir()
            undo.callback(_remove_empty, each)
            each.chmod(mode)  # Whatever the umask is.
        except OSError as exc:
            raise ConfigError(
                f"cannot be made: {exc.strerror}",
                where=str(each),
                fix="Run this as root, or name another --config.",
            ) from exc


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
