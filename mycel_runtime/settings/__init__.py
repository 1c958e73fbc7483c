"""
Everything that can be set, and where it may come from.

Precedence: command line, environment (`MYCEL_RUNTIME_SECTION__KEY`), systemd credentials (the files `agent.token`,
`proxy.credentials`, `http.token` and `engine.password` in `$CREDENTIALS_DIRECTORY`; its others are not ours), the
TOML file, the defaults of `sections`. A key that nobody knows is an error. `config/agent.toml` shows every key with
its unit and reason.

Source: design section 11.
"""

from __future__ import annotations

from mycel_runtime.settings.addresses import (
    EMBEDDED,
    ENVIRONMENT,
    checked_database,
    is_loopback,
    listen_address,
)
from mycel_runtime.settings.credentials import (
    CREDENTIAL,
    ENGINE_CREDENTIAL,
    HTTP_CREDENTIAL,
    PROXY_CREDENTIAL,
    DatabaseAddress,
    database_address,
    read_database,
    read_http_token,
    read_proxy_credentials,
    read_token,
    read_token_file,
)
from mycel_runtime.settings.loading import load_settings
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
from mycel_runtime.settings.settings import Settings
from mycel_runtime.settings.text import read_config

__all__ = [
    "CREDENTIAL",
    "EMBEDDED",
    "ENGINE_CREDENTIAL",
    "ENVIRONMENT",
    "HTTP_CREDENTIAL",
    "PROXY_CREDENTIAL",
    "AgentSettings",
    "BackendSettings",
    "DaemonSettings",
    "DatabaseAddress",
    "DispatchSettings",
    "EngineSettings",
    "GuardSettings",
    "HttpSettings",
    "InboxSettings",
    "JournalSettings",
    "LogSettings",
    "NetworkSettings",
    "Settings",
    "TracingSettings",
    "checked_database",
    "database_address",
    "is_loopback",
    "listen_address",
    "load_settings",
    "read_config",
    "read_database",
    "read_http_token",
    "read_proxy_credentials",
    "read_token",
    "read_token_file",
]
