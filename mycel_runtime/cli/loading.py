"""What `run` and `worker` have in common: files become agents with their plugins, and the process is made ready."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mycel_runtime.daemon.agents import Agent, Refusal
    from mycel_runtime.observe.facts import Fact
    from mycel_runtime.observe.log_style import LogStyle
    from mycel_runtime.observe.observer import Observer
    from mycel_runtime.plugin.registry import LoadedPlugin

configs_option: Final = click.option(
    "--config",
    "-c",
    "configs",
    type=click.Path(path_type=Path),
    multiple=True,
    default=(Path("agent.toml"),),
    show_default=True,
    help="An agent's TOML file, or a folder of them; may be given several times.",
)
log_level_option: Final = click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Overrides [log] level."
)
log_format_option: Final = click.option(
    "--log-format", type=click.Choice(["auto", "console", "json"]), help="Overrides [log] format."
)
watch_config_option: Final = click.option(
    "--watch-config",
    is_flag=True,
    help="Read a file again when it has changed, has come into a folder or has gone; else on SIGHUP, or by `reload`.",
)


def log_overrides(level: str | None, format_: str | None) -> dict[str, Any]:
    """What of the files the command line overrides."""
    return {"log": {key: value for key, value in {"level": level, "format": format_}.items() if value}}


def load(
    configs: Sequence[Path], overrides: dict[str, Any], *, runtime: str, dev: bool
) -> tuple[list[Agent], list[Refusal]]:
    """
    Read the files, log as they say, and import the plugins.

    Args:
        configs: Files, and folders of them.
        overrides: From the command line.
        runtime: The module whose runtimes the agents will be, imported before any plugin is.
        dev: Show whole tracebacks of handlers on a terminal.

    Returns:
        As `load_plugins_of`; what was refused has been told.

    Raises:
        ConfigError: No agent is left.
    """
    from mycel_runtime.daemon import garbage
    from mycel_runtime.daemon.optional_imports import import_without_optional

    garbage.look_rarely()  # What is imported next is a hundred thousand objects that all stay.
    import_without_optional()

    from importlib import import_module

    import mycel_runtime.daemon.process  # noqa: F401 - before plugins' code runs
    from mycel_runtime.daemon.agents import load_plugins_of, read_agents
    from mycel_runtime.daemon.descriptors import make_room
    from mycel_runtime.freed_memory import share_one_heap
    from mycel_runtime.observe.development import show_tracebacks
    from mycel_runtime.observe.logs import LogObserver, configure_logging, tell_dropped
    from mycel_runtime.observe.output import bound_output
    from mycel_runtime.plugin.process_state import keep_process_state

    share_one_heap()
    bound_output(on_dropped=tell_dropped)
    if dev:
        show_tracebacks()
    agents, refused = read_agents(configs, overrides)
    configure_logging(*styles_of(agents))
    import_module(runtime)
    garbage.leave_out_modules()
    # From here on plugins' code runs, and what it changes of the process is put back.
    keep_process_state(LogObserver({}))
    agents, refused = load_plugins_of(agents, refused, observer_of)
    tell_refused(refused)
    make_room(len(agents), LogObserver({}))
    return agents, refused


def styles_of(agents: Sequence[Agent]) -> tuple[LogStyle, dict[str, LogStyle]]:
    """Of the process, which is the first agent's, and of each agent."""
    from mycel_runtime.observe.log_style import LogStyle

    styles = {
        agent.settings.agent.name: LogStyle(level=agent.settings.log.level, format=agent.settings.log.format)
        for agent in agents
    }
    return next(iter(styles.values())), styles


def make_place_for(newcomer: Agent, count: int) -> None:
    """
    Of an agent that joins a process which runs: its lines are written as its file says, and it needs room, too.

    Args:
        newcomer: Read and checked.
        count: Agents of the process, this one among them.
    """
    from mycel_runtime.daemon.descriptors import make_room
    from mycel_runtime.observe.logs import LogObserver, restyle

    for name, style in styles_of([newcomer])[1].items():
        restyle(name, style)
    make_room(count, LogObserver({}))


def tell_refused(refused: Sequence[Refusal]) -> None:
    """What keeps agents away, while others of their process live."""
    from mycel_runtime.observe.facts import ConfigRefused
    from mycel_runtime.observe.logs import LogObserver

    for error in (refusal.error for refusal in refused):
        LogObserver({}).tell(ConfigRefused(where=error.where, problem=error.problem, fix=error.fix))


def observer_of(agent: Agent) -> Observer:
    """Who is told of an agent's imports."""
    from mycel_runtime.daemon.systemd import StatusLine
    from mycel_runtime.observe.logs import LogObserver
    from mycel_runtime.observe.observer import FanOut

    return FanOut([LogObserver({"agent": agent.settings.agent.name}), StatusLine()])


def fate_of(loaded: LoadedPlugin) -> Fact:
    """What became of a plugin's import."""
    from mycel_runtime.observe.facts import PluginLoaded, PluginRefused

    name = loaded.plugin.name
    if loaded.refused is not None:
        return PluginRefused(plugin=name, problem=loaded.refused.problem, fix=loaded.refused.fix)
    return PluginLoaded(
        plugin=name, version=loaded.version, origin=loaded.origin, handlers=len(loaded.plugin.handlers)
    )
