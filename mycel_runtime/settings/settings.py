"""One agent's settings: all sections, the sources that they come from, and what follows from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from mycel_runtime.settings.addresses import EMBEDDED
from mycel_runtime.settings.base_directories import base_directory
from mycel_runtime.settings.environment import values_of_environment
from mycel_runtime.settings.sections import (
    AgentSettings,
    BackendSettings,
    DaemonSettings,
    DispatchSettings,
    EngineSettings,
    GuardSettings,
    HttpSettings,
    InboxSettings,
    JournalSettings,
    LogSettings,
    NetworkSettings,
    TracingSettings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Settings(BaseModel):
    """
    One agent. Built by `load_settings` only.

    Args:
        file: What the file says.
        overrides: Nested like it; ranks above the environment, which ranks above the file.

    Raises:
        ConfigError: A variable of the environment cannot be read.
        pydantic.ValidationError: Some value is none that its key may have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: AgentSettings
    network: NetworkSettings = NetworkSettings()
    inbox: InboxSettings = InboxSettings()
    dispatch: DispatchSettings = DispatchSettings()
    guard: GuardSettings = GuardSettings()
    journal: JournalSettings = JournalSettings()
    engine: EngineSettings = EngineSettings()
    daemon: DaemonSettings = DaemonSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    http: HttpSettings = HttpSettings()
    backend: BackendSettings = BackendSettings()
    plugins: dict[str, dict[str, Any]] = {}

    def __init__(self, *, file: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
        environment = values_of_environment(type(self))
        super().__init__(**_over(_over(file, environment), overrides))

    @property
    def is_embedded(self) -> bool:
        """Whether the backend runs inside this process."""
        return self.agent.base_url == EMBEDDED

    @property
    def state_dir(self) -> Path:
        """
        Where the journal lives: as set, else `$STATE_DIRECTORY`, else below the XDG state home.

        Raises:
            ConfigError: None of them is known.
        """
        if self.agent.state_dir is not None:
            return self.agent.state_dir
        if systemd := os.environ.get("STATE_DIRECTORY"):
            return Path(systemd.split(":", 1)[0])
        return _state_home() / "mycel-runtime" / self.agent.name


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, table by table; where both say something, the one above."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _state_home() -> Path:
    return base_directory(
        "XDG_STATE_HOME", ".local/state", holds="the state", fix="Set [agent] state_dir, or HOME."
    )
