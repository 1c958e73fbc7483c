"""Configuration files become agents that can be started, or one error that says what is wrong."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mycel_runtime.daemon.network import network_of
from mycel_runtime.errors import ConfigError
from mycel_runtime.lazy_dataclass import dataclass
from mycel_runtime.plugin.registry import LoadedPlugin, load_plugins
from mycel_runtime.settings import Settings, load_settings, read_http_token, read_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pydantic import SecretStr

    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.sdk import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """
    One agent, checked.

    Attributes:
        config: Its file.
        token: `None` with an embedded backend, which makes its own.
        network: How its backend is reached.
        plugins: None before `load_plugins_of`.
    """

    config: Path
    settings: Settings
    token: SecretStr | None
    network: Network
    plugins: tuple[LoadedPlugin, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    What keeps agents away that are to share a process with others.

    Attributes:
        files: Theirs; absolute.
        error: What is wrong.
    """

    files: tuple[Path, ...]
    error: ConfigError


def read_agents(configs: Sequence[Path], overrides: Mapping[str, Any]) -> tuple[list[Agent], list[Refusal]]:
    """
    Read and check the files of all agents, before any plugin is imported: all paths in them are absolute then.

    Args:
        configs: As of `config_files`.
        overrides: From the command line, for all of them.

    Returns:
        The agents that can be started, and what is wrong with the others: one mistake keeps one agent away.

    Raises:
        ConfigError: No agent is left.
    """
    agents, refused = list[Agent](), list[Refusal]()
    for path in config_files(configs):
        try:
            agents.append(_read(path, overrides))
        except ConfigError as error:
            refused.append(Refusal((path.absolute(),), error))
    agents, refusals = _beside_each_other(agents)
    refused.extend(refusals)
    if not agents:
        raise together(refused)
    return agents, refused


def read_newcomer(
    config: Path,
    living: Sequence[Agent],
    overrides: Mapping[str, Any],
    observer_of: Callable[[Agent], Observer],
) -> Agent:
    """
    Read and check the file of an agent that is to join others, and import its plugins.

    Args:
        config: The file; absolute.
        living: The others.
        overrides: As of `read_agents`.
        observer_of: As of `load_plugins_of`.

    Raises:
        ConfigError: It cannot join them.
    """
    agent = _read(config, overrides)
    if agent.settings.http.listen is not None and all(other.settings.http.listen is None for other in living):
        raise ConfigError(
            "names a listener, and the process that runs has none",
            where=f"{config}: [http] listen",
            fix="Restart the process, or leave listen out.",
        )
    _, refusals = _beside_each_other([*living, agent])
    for refusal in refusals:
        raise refusal.error
    plugins = load_plugins(agent.settings.plugins, config, observer_of(agent))
    return replace(agent, plugins=tuple(plugins))


def shared_of(files: Sequence[Path]) -> list[ConfigError]:
    """An error for each state directory and token that several agents have, of those whose files can be used."""
    agents = list[Agent]()
    for path in files:
        with contextlib.suppress(ConfigError):
            agents.append(_read(path, {}))
    return [each.error for shared in (_SHARED_STATE, _SHARED_TOKEN) for each in _apart(agents, shared)[1]]


def load_plugins_of(
    agents: Sequence[Agent], refused: Sequence[Refusal], observer_of: Callable[[Agent], Observer]
) -> tuple[list[Agent], list[Refusal]]:
    """
    Import and check the plugins of every agent before any is started.

    Args:
        agents: As `read_agents` gives them.
        refused: What is wrong with others.
        observer_of: Who is told of an agent's imports.

    Returns:
        As `read_agents`.

    Raises:
        ConfigError: No agent is left.
    """
    loaded, refusals = list[Agent](), list(refused)
    for agent, config in [(agent, agent.config.absolute()) for agent in agents]:
        try:
            plugins = load_plugins(agent.settings.plugins, config, observer_of(agent))
        except ConfigError as error:
            refusals.append(Refusal((config,), error))
        else:
            loaded.append(replace(agent, plugins=tuple(plugins)))
    if not loaded:
        raise together(refusals)
    return loaded, refusals


def config_files(configs: Sequence[Path]) -> list[Path]:
    """
    The files that these paths mean.

    Args:
        configs: Files, and folders whose `*.toml` files count, in the order of their names. What an editor or a file
            manager leaves behind is none of them: hidden files, backups, folders.

    Raises:
        ConfigError: A folder has none.
    """
    return [path for config in configs for path in _files(config)]


def _beside_each_other(agents: Sequence[Agent]) -> tuple[list[Agent], list[Refusal]]:
    """Those that can share a process, and what keeps the others from it."""
    left, refused = _of_one_listener(agents)
    for shared in (_SHARED_STATE, _SHARED_TOKEN):
        left, refusals = _apart(left, shared)
        refused.extend(refusals)
    return left, refused


def _of_one_listener(agents: Sequence[Agent]) -> tuple[list[Agent], list[Refusal]]:
    """A process has one listener: whoever names another than the first that names one is refused."""
    first = next((agent for agent in agents if agent.settings.http.listen is not None), None)
    apart = [
        agent
        for agent in agents
        if first and agent.settings.http.listen is not None and agent.settings.http != first.settings.http
    ]
    refused = [
        _refusal(
            [agent],
            f"another [http] than that of {first.config}, and agents of one process share a listener",
            fix="Give both files the same section, or leave listen out of one.",
        )
        for agent in apart
        if first
    ]
    return [agent for agent in agents if agent not in apart], refused


def _read(path: Path, overrides: Mapping[str, Any]) -> Agent:
    settings = load_settings(path, overrides)
    token = None if settings.is_embedded else read_token(settings)
    if settings.http.listen is not None and (page_token := read_http_token(settings)) and page_token == token:
        raise ConfigError(
            "the token of the page is the agent's own",
            where=str(path),
            fix="Make one for the page: openssl rand -hex 32",
        )
    return Agent(config=path, settings=settings, token=token, network=network_of(settings, path))


def _files(config: Path) -> list[Path]:
    try:
        if not config.is_dir():
            return [config]
        files = sorted(
            path for path in config.glob("*.toml") if path.name[0] not in "._#~" and path.is_file()
        )
    except OSError as exc:
        raise ConfigError(
            f"cannot be read: {exc.strerror}", where=str(config), fix="Check its permissions."
        ) from exc
    if not files:
        raise ConfigError(
            "no *.toml file in this folder", where=str(config), fix="Put an agent's file there."
        )
    return files


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What only one agent of a process may have; `None` of an agent that has none."""

    of: Callable[[Agent], str | None]
    problem: Callable[[str], str]
    fix: str


_SHARED_STATE: Final = _Shared(
    of=lambda agent: str(agent.settings.state_dir),
    problem=lambda value: f"these agents share the state_dir {value}",
    fix="Give each a name or a state_dir of its own.",
)
_SHARED_TOKEN: Final = _Shared(
    of=lambda agent: agent.token.get_secret_value() if agent.token else None,
    problem=lambda _: "two agents have the same token",
    fix="Give each its own token_file; a token from environment or credentials is good for one agent only.",
)


def _apart(agents: Sequence[Agent], shared: _Shared) -> tuple[list[Agent], list[Refusal]]:
    """Those that share nothing, and a refusal for each value that several have: nobody can tell whose it is."""
    sharing: dict[str | None, list[Agent]] = {}
    for agent in agents:
        sharing.setdefault(shared.of(agent), []).append(agent)
    refused = [
        _refusal(those, shared.problem(value), fix=shared.fix)
        for value, those in sharing.items()
        if value is not None and len(those) > 1
    ]
    return [agent for agent in agents if _is_alone(shared.of(agent), sharing)], refused


def _refusal(agents: Sequence[Agent], problem: str, *, fix: str) -> Refusal:
    error = ConfigError(problem, where=", ".join(str(agent.config) for agent in agents), fix=fix)
    return Refusal(tuple(agent.config.absolute() for agent in agents), error)


def _is_alone(value: str | None, sharing: Mapping[str | None, Sequence[Agent]]) -> bool:
    return value is None or len(sharing[value]) == 1


def together(refused: Sequence[Refusal]) -> ConfigError:
    """One error that tells all of them."""
    if len(refused) == 1:
        return refused[0].error
    problems = "\n".join(f"- {each.error}" for each in refused)
    return ConfigError(f"no agent can be started\n{problems}")
