"""One agent's settings: all sections, the sources that they come from, and what follows from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from mycel_runtime.settings.addresses import EMBEDDED
from mycel_runtime.settings.base_directories import base_directory
from mycel_runtime.settings.sections import (
    AgentSettings,
    BackendSettings,
    DaemonSettings,
    DispatchSettings,
    GuardSettings,
    HttpSettings,
    InboxSettings,
    JournalSettings,
    LogSettings,
    NetworkSettings,
    TracingSettings,
)
from mycel_runtime.settings_mistakes import ENV_DELIMITER, ENV_PREFIX


class Settings(BaseSettings):
    """One agent. Built by `load_settings` only."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    agent: AgentSettings
    network: NetworkSettings = NetworkSettings()
    inbox: InboxSettings = InboxSettings()
    dispatch: DispatchSettings = DispatchSettings()
    guard: GuardSettings = GuardSettings()
    journal: JournalSettings = JournalSettings()
    daemon: DaemonSettings = DaemonSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    http: HttpSettings = HttpSettings()
    backend: BackendSettings = BackendSettings()
    plugins: dict[str, dict[str, Any]] = {}

    @override
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The file's content travels as the one init argument, so that it can rank below the environment."""
        assert isinstance(init_settings, InitSettingsSource)
        given = init_settings.init_kwargs
        return (
            InitSettingsSource(settings_cls, init_kwargs=given["overrides"]),
            env_settings,
            InitSettingsSource(settings_cls, init_kwargs=given["file"]),
        )

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


def _state_home() -> Path:
    return base_directory(
        "XDG_STATE_HOME", ".local/state", holds="the state", fix="Set [agent] state_dir, or HOME."
    )
