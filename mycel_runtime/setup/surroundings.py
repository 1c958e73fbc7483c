"""What the environment says of an agent whose file is yet to be written: the network, and where its state is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mycel_runtime.daemon.network import network_of
from mycel_runtime.settings import EMBEDDED, Settings, load_settings

if TYPE_CHECKING:
    from mycel_runtime.sdk import Network

_NO_FILE: Final = Path(os.devnull)
_SOMEBODY: Final = "agent"


def require_environment() -> None:
    """
    Refuse variables that no agent could be run with.

    Raises:
        ConfigError: One is wrong; names it.
    """
    load_settings(_NO_FILE, {"agent": {"name": _SOMEBODY, "base_url": EMBEDDED}})


def network_around(base_url: str) -> Network:
    """
    How a backend is reached from here: authorities, client certificate and proxy of `MYCEL_RUNTIME_NETWORK__…`.

    Args:
        base_url: Of the backend.

    Raises:
        ConfigError: One of them cannot be used.
    """
    require_environment()
    return network_of(_settings(_SOMEBODY, base_url), _NO_FILE)


def state_of(name: str) -> Path | None:
    """
    Where an agent of this name has its state; `None`: nowhere.

    Raises:
        ConfigError: There is no home directory.
    """
    folder = _settings(name, EMBEDDED).state_dir
    return folder if folder.exists() else None


def _settings(name: str, base_url: str) -> Settings:
    """Of the environment; its paths are relative to where we are, for there is no file."""
    return Settings(file={}, overrides={"agent": {"name": name, "base_url": base_url}})
