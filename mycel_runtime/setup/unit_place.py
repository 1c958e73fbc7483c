"""
What is made for an agent that a unit is to run.

Its folder can be read by the unit's user; its token by root only, for systemd hands that over.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from mycel_runtime.daemon.state_dir import find_state_dir
from mycel_runtime.errors import ConfigError
from mycel_runtime.setup.plugin_choices import questions_of
from mycel_runtime.setup.trial import status_of
from mycel_runtime.units.places import is_for_unit, is_of_folder, tokens_beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
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


def kept_for(config: Path, name: str) -> str:
    """
    What a plugin's secret is called beside a file: of several files in a unit's folder each has its own.

    Args:
        config: The agent's file.
        name: Of the secret's file, as the plugin's question has it.
    """
    return f"{config.stem}.{name}" if is_for_unit(config) else name


def as_credentials(plugin: str, table: Mapping[str, Any], config: Path) -> dict[str, Any]:
    """
    A plugin's table with its secrets as credentials, each called as the file is that `unit` has systemd hand over.

    Args:
        plugin: Of `[plugins.NAME]`.
        table: With the names of files beside the agent's, which root alone reads.
        config: The agent's file.
    """
    if not is_for_unit(config):
        return dict(table)
    return {_credential_of(plugin, key, value, config): value for key, value in table.items()}


def as_files(plugin: str, table: Mapping[str, Any], config: Path) -> dict[str, Any]:
    """The same back, for whoever looks at the plugin without systemd."""
    own = as_credentials(plugin, {key: kept_for(config, name) for key, name in _secrets_of(plugin)}, config)
    files = dict(zip(own, (key for key, _ in _secrets_of(plugin)), strict=True))
    return {files.get(key, key) if own.get(key) == value else key: value for key, value in table.items()}


def _credential_of(plugin: str, key: str, value: Any, config: Path) -> str:
    is_secret = (key, value) in [(each, kept_for(config, name)) for each, name in _secrets_of(plugin)]
    return f"{key.removesuffix('_file')}_credential" if is_secret else key


def _secrets_of(plugin: str) -> list[tuple[str, str]]:
    """Key and file of each."""
    return [(each.key, each.kept_in) for each in questions_of(plugin) if each.kept_in]


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
