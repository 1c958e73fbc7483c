"""
Everything that can be set, and where it may come from.

Precedence: command line, environment (`MYCEL_RUNTIME_SECTION__KEY`), systemd credentials (the files `agent.token`
and `proxy.credentials` in `$CREDENTIALS_DIRECTORY`; its others are not ours), the TOML file, the defaults of
`sections`. A key that nobody knows is an error. `config/agent.toml` shows every key with its unit and reason.

Source: design section 11.
"""

from __future__ import annotations

from mycel_runtime.settings.addresses import EMBEDDED, ENVIRONMENT
from mycel_runtime.settings.credentials import (
    CREDENTIAL,
    PROXY_CREDENTIAL,
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
    GuardSettings,
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
    "ENVIRONMENT",
    "PROXY_CREDENTIAL",
    "AgentSettings",
    "BackendSettings",
    "DaemonSettings",
    "DispatchSettings",
    "GuardSettings",
    "InboxSettings",
    "JournalSettings",
    "LogSettings",
    "NetworkSettings",
    "Settings",
    "TracingSettings",
    "load_settings",
    "read_config",
    "read_proxy_credentials",
    "read_token",
    "read_token_file",
]
