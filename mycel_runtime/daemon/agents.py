"""Configuration files become agents that can be started, or one error that says what is wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mycel_runtime.errors import ConfigError
from mycel_runtime.plugin.registry import LoadedPlugin, load_plugins
from mycel_runtime.settings import Settings, load_settings, read_token

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """
    One agent, checked.

    Attributes:
        config: Its file.
        token: `None` with an embedded backend, which makes its own.
    """

    config: Path
    settings: Settings
    plugins: list[LoadedPlugin]
    token: SecretStr | None


def load_agents(configs: Sequence[Path], overrides: Mapping[str, Any]) -> list[Agent]:
    """
    Load and check every agent before any is started.

    Args:
        configs: Files, and folders whose `*.toml` files count, in the order of their names.
        overrides: From the command line, for all of them.

    Raises:
        ConfigError: A file, a token or a plugin is wrong, or two agents would share what only one may have.
    """
    agents = [_load(path, overrides) for config in configs for path in _files(config)]
    _require_apart(agents, "state_dir", [str(agent.settings.state_dir) for agent in agents])
    tokens = [agent.token.get_secret_value() for agent in agents if agent.token]
    if len(set(tokens)) < len(tokens):
        raise ConfigError(
            "two agents have the same token",
            where=", ".join(str(agent.config) for agent in agents),
            fix="Give each its own token_file; a token from environment or credentials is good for one agent only.",
        )
    return agents


def _load(path: Path, overrides: Mapping[str, Any]) -> Agent:
    settings = load_settings(path, overrides)
    return Agent(
        config=path,
        settings=settings,
        token=None if settings.is_embedded else read_token(settings),
        plugins=load_plugins(settings.plugins, path),
    )


def _files(config: Path) -> list[Path]:
    if not config.is_dir():
        return [config]
    files = sorted(config.glob("*.toml"))
    if not files:
        raise ConfigError(
            "no *.toml file in this folder", where=str(config), fix="Put an agent's file there."
        )
    return files


def _require_apart(agents: Sequence[Agent], key: str, values: Sequence[str]) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            sharing = [str(agent.config) for agent, its in zip(agents, values, strict=True) if its == value]
            raise ConfigError(
                f"these agents share the {key} {value}",
                where=", ".join(sharing),
                fix=f"Give each a name or a {key} of its own.",
            )
